// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A hypervisor host.</summary>
public readonly record struct HostId(Guid Value) : IEngineId<HostId>
{
    public static HostId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
