// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A backup of the CBT API. Chosen by the client, so that a repeated start finds the first one.</summary>
public readonly record struct BackupId(Guid Value) : IEngineId<BackupId>
{
    public static BackupId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
