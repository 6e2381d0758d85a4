// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A cluster.</summary>
public readonly record struct ClusterId(Guid Value) : IEngineId<ClusterId>
{
    public static ClusterId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
