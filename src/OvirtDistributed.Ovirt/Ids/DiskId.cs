// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A disk (the image group). Constant over snapshots, moves and renames; also the id of its attachment to a VM.</summary>
public readonly record struct DiskId(Guid Value) : IEngineId<DiskId>
{
    public static DiskId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
