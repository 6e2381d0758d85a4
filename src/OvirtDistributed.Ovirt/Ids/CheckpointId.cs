// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>A checkpoint: the point in time an incremental backup starts from.</summary>
public readonly record struct CheckpointId(Guid Value) : IEngineId<CheckpointId>
{
    public static CheckpointId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
