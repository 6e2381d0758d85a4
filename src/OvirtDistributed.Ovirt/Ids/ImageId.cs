// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>One volume of a disk: one per layer of its snapshot chain. What the engine calls image id, and what selects a snapshot layer in an image transfer.</summary>
public readonly record struct ImageId(Guid Value) : IEngineId<ImageId>
{
    public static ImageId From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}
