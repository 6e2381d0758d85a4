// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A data center.</summary>
public readonly record struct DataCenterId(Guid Value) : IEngineId<DataCenterId>
{
    public static DataCenterId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
