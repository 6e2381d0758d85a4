// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A vNIC profile.</summary>
public readonly record struct VnicProfileId(Guid Value) : IEngineId<VnicProfileId>
{
    public static VnicProfileId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
