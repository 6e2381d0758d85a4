// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Engine.Wire;

/// <summary>A reference to another entity.</summary>
internal sealed class RefDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }
}

internal sealed class VersionDto
{
    public long? Major { get; init; }

    public long? Minor { get; init; }

    public long? Build { get; init; }

    public long? Revision { get; init; }

    public string? FullVersion { get; init; }
}

internal sealed class FaultDto
{
    public string? Reason { get; init; }

    public string? Detail { get; init; }
}
