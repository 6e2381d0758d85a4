// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>A plan that was shown, so that exactly it can be applied, or be said what has changed since.</summary>
internal sealed class StoredRestorePlan
{
    public required string Digest { get; init; }

    public required RestoreRequest Request { get; init; }

    public required IReadOnlyList<PlanFact> Facts { get; init; }

    public required DateTimeOffset Created { get; set; }
}
