// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A network interface of a VM.</summary>
public readonly record struct NicId(Guid Value) : IEngineId<NicId>
{
    public static NicId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
