// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A snapshot of a VM.</summary>
public readonly record struct SnapshotId(Guid Value) : IEngineId<SnapshotId>
{
    public static SnapshotId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
