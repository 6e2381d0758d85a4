// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

public sealed partial class EngineInventory
{
    /// <summary>The affinity groups of a cluster.</summary>
    /// <exception cref="OvirtException">The cluster is gone (<see cref="OvirtError.NotFound"/>), or the call failed.</exception>
    public Task<IReadOnlyList<AffinityGroup>> ListAffinityGroupsAsync(ClusterId cluster, CancellationToken cancellationToken) =>
        _http.ListAsync(
            EngineQuery.With($"clusters/{cluster}/affinitygroups", ("follow", "vms,hosts")),
            EngineJson.Default.WireListAffinityGroupDto,
            InventoryMapping.ToAffinityGroup,
            cancellationToken);

    public Task<AffinityGroup> CreateAffinityGroupAsync(
        ClusterId cluster, CreateAffinityGroup request, CorrelationId correlation, CancellationToken cancellationToken) =>
        _http.ReadAsync(
            EngineRequest.Post($"clusters/{cluster}/affinitygroups", request.ToBody(), correlation),
            EngineJson.Default.AffinityGroupDto,
            InventoryMapping.ToAffinityGroup,
            cancellationToken);

    /// <summary>Puts a VM of the cluster into the group. Look first whether it is in it already.</summary>
    public async Task AddToAffinityGroupAsync(
        ClusterId cluster, AffinityGroupId group, VmId vm, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Post($"clusters/{cluster}/affinitygroups/{group}/vms", WireBody.Reference(vm), correlation), cancellationToken);

    /// <summary>All affinity labels of the manager.</summary>
    public Task<IReadOnlyList<AffinityLabel>> ListAffinityLabelsAsync(CancellationToken cancellationToken) =>
        _http.ListAsync("affinitylabels", EngineJson.Default.WireListAffinityLabelDto, InventoryMapping.ToAffinityLabel, cancellationToken);

    /// <summary>Gives a VM the label. Look first whether it has it already.</summary>
    public async Task AddToAffinityLabelAsync(AffinityLabelId label, VmId vm, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Post($"affinitylabels/{label}/vms", WireBody.Reference(vm), correlation), cancellationToken);
}
