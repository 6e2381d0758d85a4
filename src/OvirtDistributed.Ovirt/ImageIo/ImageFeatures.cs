// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>What the daemon offers for a ticket, as its OPTIONS answer says. A daemon too old for OPTIONS offers nothing and one connection.</summary>
public sealed record ImageFeatures
{
    public bool Checksum { get; init; }

    public bool Extents { get; init; }

    public bool Flush { get; init; }

    public bool Zero { get; init; }

    public int MaxReaders { get; init; } = 1;

    public int MaxWriters { get; init; } = 1;
}
