// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A tag.</summary>
public readonly record struct TagId(Guid Value) : IEngineId<TagId>
{
    public static TagId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
