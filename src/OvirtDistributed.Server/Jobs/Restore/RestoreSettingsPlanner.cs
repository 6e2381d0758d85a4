// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Settings;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Looks up what the settings of a new VM depend on, and has them planned. Changes nothing.</summary>
internal sealed class RestoreSettingsPlanner(InventoryCatalog inventory)
{
    /// <summary>What a point says of its VM's settings; null for points of the first versions, which have no more than the OVF.</summary>
    public static VmMetadata? MetadataOf(VmManifest manifest)
    {
        try
        {
            return manifest.Properties.TryGetValue(PointFacts.Metadata, out var text) ? JsonSerializer.Deserialize<VmMetadata>(text, JsonColumn.Options) : null;
        }
        catch (JsonException)
        {
            // The manifest is proven, so a newer backup server meant what it wrote.
            return new VmMetadata { Version = int.MaxValue };
        }
    }

    /// <exception cref="EngineException">The manager cannot be asked.</exception>
    public async Task<SettingsPlan> PlanAsync(
        Guid managerId, VmManifest manifest, EngineVm vm, RestoreDetails details, EngineCluster cluster, IEngine engine, CancellationToken cancellationToken)
    {
        var saved = MetadataOf(manifest);
        if (saved is { Version: > VmMetadata.CurrentVersion })
        {
            return new SettingsPlan
            {
                Outcomes = [new SettingOutcome("settings", "", false, "a newer backup server wrote them in a form that this one cannot read; restore with that one, or set them by hand")],
            };
        }

        var hosts = await inventory.ListAsync<EngineHost>(managerId, InventoryKind.Host, cancellationToken);
        var domains = await inventory.ListAsync<EngineStorageDomain>(managerId, InventoryKind.StorageDomain, cancellationToken);
        var tags = await inventory.ListAsync<EngineTag>(managerId, InventoryKind.Tag, cancellationToken);
        var target = new SettingsTarget(cluster, manifest.ManagerId == managerId.ToString("D"))
        {
            Hosts = [.. hosts.Where(host => host.ClusterId == cluster.Id)],
            Domains = [.. domains.Where(domain => domain.Type == "data" && (domain.DataCenterIds.Count == 0 || domain.DataCenterIds.Contains(cluster.DataCenterId)))],
            AskedDomain = details.StorageDomainId,
            Tags = [.. tags.Select(tag => tag.Name)],
            CreateAffinityGroups = details.CreateAffinityGroups,
        };
        return SettingsPlanner.Plan(saved ?? new VmMetadata(), vm.Tags, await WithAffinityAsync(target, saved, engine, cancellationToken));
    }

    /// <summary>An account that may not see them is no reason to restore nothing.</summary>
    private static async Task<SettingsTarget> WithAffinityAsync(SettingsTarget target, VmMetadata? saved, IEngine engine, CancellationToken cancellationToken)
    {
        try
        {
            return target with
            {
                Groups = saved is { AffinityGroups.Count: > 0 } ? await engine.ListAffinityGroupsAsync(target.Cluster.Id, cancellationToken) : [],
                Labels = saved is { AffinityLabels.Count: > 0 } ? [.. (await engine.ListAffinityLabelsAsync(cancellationToken)).Select(label => label.Name)] : [],
            };
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            return target with { AffinityProblem = $"the manager does not tell its affinity groups and labels ({failure.Message}); assign them by hand" };
        }
    }
}
