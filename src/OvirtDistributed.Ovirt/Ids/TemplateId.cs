// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A template.</summary>
public readonly record struct TemplateId(Guid Value) : IEngineId<TemplateId>
{
    public static TemplateId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
