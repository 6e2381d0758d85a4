// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Verify;

/// <summary>What a verification was asked; the job's point is what is read.</summary>
internal sealed record VerifyDetails
{
    /// <summary>0 = as fast as it goes.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>What is damaged is taken from copies of the point and repaired.</summary>
    public bool Repair { get; init; }

    /// <summary>It was not asked for by an operator but was due.</summary>
    public bool Scheduled { get; init; }
}
