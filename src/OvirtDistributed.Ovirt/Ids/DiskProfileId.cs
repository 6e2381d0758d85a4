// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A disk profile.</summary>
public readonly record struct DiskProfileId(Guid Value) : IEngineId<DiskProfileId>
{
    public static DiskProfileId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
