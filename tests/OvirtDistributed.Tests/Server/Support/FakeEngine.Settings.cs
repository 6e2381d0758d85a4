// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Settings;

namespace OvirtDistributed.Tests.Server.Support;

internal sealed partial class FakeEngine
{
    /// <summary>What VMs are set to; a VM without an entry has nothing.</summary>
    public Dictionary<Guid, VmMetadata> Metadata { get; } = [];

    /// <summary>Cluster → its affinity groups.</summary>
    public Dictionary<Guid, List<EngineAffinityGroup>> AffinityGroups { get; } = [];

    public List<EngineAffinityLabel> AffinityLabels { get; } = [];

    /// <summary>Custom properties that the manager defines; null: any.</summary>
    public HashSet<string>? KnownProperties { get; set; }

    public Task<VmMetadata?> FindMetadataAsync(Guid vmId, CancellationToken cancellationToken) =>
        CallAsync(nameof(FindMetadataAsync), () => Vms.ContainsKey(vmId) ? Metadata.GetValueOrDefault(vmId, new VmMetadata()) : null);

    public Task ChangeVmAsync(Guid vmId, EngineVmChange change, Guid correlationId, CancellationToken cancellationToken) => CallAsync(nameof(ChangeVmAsync), () =>
    {
        var now = Metadata.GetValueOrDefault(vmId, new VmMetadata());
        if (change.Lease is not null && now.HighAvailability is not { Enabled: true })
        {
            throw new EngineException(EngineFailure.Refused, "a lease needs high availability");
        }

        if (change.CustomProperties?.FirstOrDefault(property => KnownProperties?.Contains(property.Name) == false) is { } unknown)
        {
            throw new EngineException(EngineFailure.Refused, $"{unknown.Name} is not defined");
        }

        Metadata[vmId] = now with
        {
            Comment = change.Comment ?? now.Comment,
            VmType = change.VmType ?? now.VmType,
            DeleteProtected = change.DeleteProtected ?? now.DeleteProtected,
            BiosType = change.BiosType ?? now.BiosType,
            BootDevices = change.BootDevices ?? now.BootDevices,
            BootMenu = change.BootMenu ?? now.BootMenu,
            Tpm = change.Tpm ?? now.Tpm,
            CustomCpuModel = change.CustomCpuModel ?? now.CustomCpuModel,
            CustomEmulatedMachine = change.CustomEmulatedMachine ?? now.CustomEmulatedMachine,
            TimeZone = change.TimeZone ?? now.TimeZone,
            HighAvailability = change.HighAvailability ?? now.HighAvailability,
            Lease = change.Lease ?? now.Lease,
            Placement = change.Placement ?? now.Placement,
            CustomProperties = change.CustomProperties ?? now.CustomProperties,
            Initialization = change.Initialization ?? now.Initialization,
            Rng = change.Rng ?? now.Rng,
            Cdrom = change.Cdrom ?? now.Cdrom,
            Watchdog = change.Watchdog ?? now.Watchdog,
            Consoles = change.Consoles ?? now.Consoles,
        };
        return true;
    });

    public Task<IReadOnlyList<EngineAffinityGroup>> ListAffinityGroupsAsync(Guid clusterId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineAffinityGroup>>(nameof(ListAffinityGroupsAsync), () => [.. AffinityGroups.GetValueOrDefault(clusterId, [])]);

    public Task<Guid> CreateAffinityGroupAsync(Guid clusterId, VmAffinityGroup group, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(CreateAffinityGroupAsync), () =>
        {
            AffinityGroups.TryAdd(clusterId, []);
            if (AffinityGroups[clusterId].Exists(other => other.Group.Name == group.Name))
            {
                throw new EngineException(EngineFailure.Refused, $"an affinity group {group.Name} exists");
            }

            var made = new EngineAffinityGroup(Guid.NewGuid(), group, []);
            AffinityGroups[clusterId].Add(made);
            return made.Id;
        });

    public Task JoinAffinityGroupAsync(Guid clusterId, Guid groupId, Guid vmId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(JoinAffinityGroupAsync), () =>
        {
            var groups = AffinityGroups[clusterId];
            var index = groups.FindIndex(group => group.Id == groupId);
            groups[index] = groups[index] with { Vms = [.. groups[index].Vms, vmId] };
            return true;
        });

    public Task<IReadOnlyList<EngineAffinityLabel>> ListAffinityLabelsAsync(CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineAffinityLabel>>(nameof(ListAffinityLabelsAsync), () => [.. AffinityLabels]);

    public Task JoinAffinityLabelAsync(Guid labelId, Guid vmId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(JoinAffinityLabelAsync), () =>
        {
            var now = Metadata.GetValueOrDefault(vmId, new VmMetadata());
            Metadata[vmId] = now with { AffinityLabels = [.. now.AffinityLabels, AffinityLabels.Single(label => label.Id == labelId).Name] };
            return true;
        });

    public Task AddTagAsync(Guid vmId, string tag, Guid correlationId, CancellationToken cancellationToken) => CallAsync(nameof(AddTagAsync), () =>
    {
        Vms[vmId] = Vms[vmId] with { Tags = [.. Vms[vmId].Tags, tag] };
        return true;
    });
}
