// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A storage domain.</summary>
public readonly record struct StorageDomainId(Guid Value) : IEngineId<StorageDomainId>
{
    public static StorageDomainId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
