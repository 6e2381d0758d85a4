// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Settings;

/// <summary>Reads what a VM is set to, for its restore point: with names beside all ids, so that another manager's can be found by them.</summary>
internal sealed class MetadataReader(InventoryCatalog inventory)
{
    /// <summary>Null when the VM is gone. With what the manager did not tell and is missing, empty when nothing is.</summary>
    /// <exception cref="EngineException">The manager cannot be asked, or does not answer what was asked.</exception>
    public async Task<(VmMetadata? Metadata, string Missing)> FindAsync(Guid managerId, EngineVm vm, IEngine engine, CancellationToken cancellationToken)
    {
        if (await engine.FindMetadataAsync(vm.Id, cancellationToken) is not { } metadata)
        {
            return (null, "");
        }

        var (groups, missing) = await ListGroupsAsync(vm, engine, cancellationToken);
        var hosts = (await inventory.ListAsync<EngineHost>(managerId, InventoryKind.Host, cancellationToken)).ToDictionary(host => host.Id, host => host.Name);
        var domains = (await inventory.ListAsync<EngineStorageDomain>(managerId, InventoryKind.StorageDomain, cancellationToken)).ToDictionary(domain => domain.Id, domain => domain.Name);
        metadata = metadata with
        {
            Lease = metadata.Lease is { } lease ? Named(lease, domains) : null,
            Placement = metadata.Placement is { } placement ? placement with { Hosts = [.. placement.Hosts.Select(host => Named(host, hosts))] } : null,
            AffinityGroups = [.. groups.Select(group => group with { Hosts = [.. group.Hosts.Select(host => Named(host, hosts))] })],
        };
        return (metadata, missing);
    }

    private static async Task<(List<VmAffinityGroup> Groups, string Missing)> ListGroupsAsync(EngineVm vm, IEngine engine, CancellationToken cancellationToken)
    {
        try
        {
            var all = await engine.ListAffinityGroupsAsync(vm.ClusterId, cancellationToken);
            return ([.. all.Where(group => group.Vms.Contains(vm.Id)).Select(group => group.Group)], "");
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            return ([], $"the VM's affinity groups are not in the restore point: {failure.Message}");
        }
    }

    private static NamedObject Named(NamedObject item, Dictionary<Guid, string> names) => item with { Name = names.GetValueOrDefault(item.Id, item.Name) };
}
