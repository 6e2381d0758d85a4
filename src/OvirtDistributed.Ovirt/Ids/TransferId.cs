// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>An image transfer. Not the ticket of its URL.</summary>
public readonly record struct TransferId(Guid Value) : IEngineId<TransferId>
{
    public static TransferId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
