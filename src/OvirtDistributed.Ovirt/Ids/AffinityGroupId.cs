// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>An affinity group of a cluster.</summary>
public readonly record struct AffinityGroupId(Guid Value) : IEngineId<AffinityGroupId>
{
    public static AffinityGroupId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
