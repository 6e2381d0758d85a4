// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A logical network.</summary>
public readonly record struct NetworkId(Guid Value) : IEngineId<NetworkId>
{
    public static NetworkId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
