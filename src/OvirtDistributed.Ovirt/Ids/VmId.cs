// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A virtual machine. Survives renames and migration.</summary>
public readonly record struct VmId(Guid Value) : IEngineId<VmId>
{
    public static VmId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
