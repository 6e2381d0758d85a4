// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Settings;

/// <summary>One setting of a VM: how it is told to people, and how a VM is given it.</summary>
/// <param name="Name">As plans and reports have it.</param>
/// <param name="Describe">Empty where a VM has nothing of it.</param>
/// <param name="Change">Gives a VM what the metadata says.</param>
internal sealed record VmSetting(string Name, Func<VmMetadata, string> Describe, Func<VmMetadata, EngineVmChange> Change)
{
    /// <summary>The first metadata's value is what the second has; by default where both read alike.</summary>
    public Func<VmMetadata, VmMetadata, bool>? Compare { get; init; }

    public bool IsSet(VmMetadata metadata) => Describe(metadata).Length > 0;

    public bool Holds(VmMetadata wanted, VmMetadata actual) => Compare?.Invoke(wanted, actual) ?? Describe(wanted) == Describe(actual);
}
