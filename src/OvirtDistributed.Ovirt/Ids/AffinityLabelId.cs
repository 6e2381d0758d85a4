// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>An affinity label of the manager.</summary>
public readonly record struct AffinityLabelId(Guid Value) : IEngineId<AffinityLabelId>
{
    public static AffinityLabelId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
