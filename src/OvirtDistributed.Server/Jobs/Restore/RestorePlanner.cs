// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Decides what a restore comes to on its target. Asks inventory and manager, changes nothing.</summary>
internal sealed class RestorePlanner(InventoryCatalog inventory, RestoreSettingsPlanner settings, Installation installation)
{
    /// <exception cref="EngineException">The manager cannot be asked.</exception>
    /// <exception cref="JobFailureException">The inventory lacks the cluster that was chosen.</exception>
    public async Task<RestorePlan> PlanAsync(Guid managerId, VmManifest manifest, RestoreDetails details, IEngine engine, CancellationToken cancellationToken)
    {
        var cluster = await inventory.FindAsync<EngineCluster>(managerId, InventoryKind.Cluster, details.ClusterId, cancellationToken)
            ?? throw new JobFailureException($"Cluster {details.ClusterId} is not in the inventory any more: choose another with --cluster.");
        var plan = new RestorePlan { Vm = VmOf(manifest) };
        if (details.Scope != RestoreScope.NewVm)
        {
            var target = await engine.FindVmAsync(details.NewVmId!.Value, cancellationToken);
            if (target is null)
            {
                return plan with { Problems = [$"VM {details.NewName} ({details.NewVmId}) is not on the manager any more: restore it as a new VM (--name)."] };
            }

            plan = plan with { Target = target, Problems = await TargetProblemsAsync(details, target, engine, cancellationToken) };
        }

        var can = EngineCapabilities.OfText((await engine.ReadProductAsync(cancellationToken)).Version);
        plan = await PlanDisksAsync(plan, managerId, manifest, details, cluster, can, cancellationToken);
        if (details.Export is { } export)
        {
            var problems = await ExportReach.ExplainRestoreAsync(engine, cluster, export, [.. plan.Disks.Select(disk => disk.Domain)], cancellationToken);
            plan = plan with { Problems = [.. plan.Problems, .. problems] };
        }

        if (details.Scope != RestoreScope.NewVm)
        {
            return plan;
        }

        plan = plan with { Settings = await settings.PlanAsync(managerId, manifest, plan.Vm, details, cluster, engine, cancellationToken) };
        return await PlanNicsAsync(plan, managerId, details, cluster, engine, cancellationToken);
    }

    public static EngineVm VmOf(VmManifest manifest) =>
        manifest.Properties.TryGetValue(PointFacts.Vm, out var text) && JsonSerializer.Deserialize<EngineVm>(text, JsonColumn.Options) is { } vm
            ? vm
            : new EngineVm { Id = Guid.Parse(manifest.VmId), Name = manifest.VmName, ClusterId = Guid.Empty, Status = "down" };

    private async Task<IReadOnlyList<string>> TargetProblemsAsync(
        RestoreDetails details, EngineVm target, IEngine engine, CancellationToken cancellationToken)
    {
        if (!details.RewritesVm())
        {
            return [];
        }

        var problems = new List<string>();
        if (target.Status != "down" && !details.PowerOff)
        {
            problems.Add($"VM {target.Name} is {target.Status}: shut it down first, or have it powered off with --power-off.");
        }

        // The engine does not detach a disk that has a snapshot. One that our backups keep goes with the safety point, which keeps none.
        var snapshots = (await engine.ListSnapshotsAsync(target.Id, cancellationToken)).Count(snapshot =>
            details is not { SafetyPoint: true, Secured: false } || !snapshot.Description.Contains(EngineMarker.OfInstance(installation.InstanceId), StringComparison.Ordinal));
        if (snapshots > 0)
        {
            problems.Add($"VM {target.Name} has {snapshots} snapshot(s), and the manager does not let go of disks that have some: delete them first, or restore as a new VM (--name).");
        }

        return problems;
    }

    private async Task<RestorePlan> PlanDisksAsync(
        RestorePlan plan, Guid managerId, VmManifest manifest, RestoreDetails details, EngineCluster cluster, EngineCapabilities can, CancellationToken cancellationToken)
    {
        var domains = (await inventory.ListAsync<EngineStorageDomain>(managerId, InventoryKind.StorageDomain, cancellationToken))
            .Where(domain => domain.Type == "data" && (domain.DataCenterIds.Count == 0 || domain.DataCenterIds.Contains(cluster.DataCenterId)))
            .ToList();
        var wanted = manifest.Disks.Where(disk => details.DiskId is not { } only || Guid.Parse(disk.DiskId) == only).ToList();
        var (notes, problems, disks) = (plan.Notes.ToList(), plan.Problems.ToList(), new List<RestoredDisk>());
        foreach (var disk in wanted)
        {
            var replaced = details.RewritesVm() ? ReplacedBy(disk, manifest, plan.Target!) : null;
            if (details.Scope == RestoreScope.InPlace)
            {
                var (rewritten, problem) = RestoreInPlacePlanner.Plan(disk, replaced, plan.Target!, domains);
                disks.AddRange(rewritten is null ? [] : [rewritten]);
                problems.AddRange(rewritten is null ? [problem] : []);
                continue;
            }

            var original = plan.Vm.Disks.FirstOrDefault(candidate => candidate.Id == Guid.Parse(disk.DiskId));
            var (domain, name) = await DomainOfAsync(managerId, manifest, details, disk, domains, cancellationToken);
            if (domain is null)
            {
                problems.Add($"Disk {disk.Alias} was on storage domain {name}, which cluster {cluster.Name} does not have: choose one with --storage-domain"
                    + $" ({Names(domains.Select(candidate => candidate.Name))}).");
                continue;
            }

            var (made, changes) = RestoreDiskPlanner.Plan(disk, original, domain, details, can);
            notes.AddRange(changes);
            var write = made.ReadsAsZero && original is { ActualBytes: > 0 } ? Math.Min(original.ActualBytes, disk.Root.DiskSize) : disk.Root.DiskSize;
            disks.Add(new RestoredDisk(disk, Join(made, details, plan.Target, replaced, disk.Alias, notes), domain, write, replaced));
        }

        if (wanted.Count == 0)
        {
            problems.Add($"Restore point {manifest.PointId} holds no disk.");
        }

        notes.AddRange(disks.Where(disk => disk.Plan.InPlaceDiskId is null).GroupBy(disk => disk.Domain.Id).Select(group => Shortage(group.First().Domain, group.ToList())).OfType<string>());
        if (details.Scope == RestoreScope.Overwrite)
        {
            var kept = plan.Target!.Disks.Where(disk => disks.All(restored => restored.Replaces?.DiskId != disk.Id)).Select(disk => disk.Alias);
            notes.AddRange(kept.Select(alias => $"disk {alias} of the VM is not in the restore point and stays as it is"));
        }

        return plan with { Disks = disks, Notes = notes, Problems = problems };
    }

    /// <summary>How the new disk is joined: as the one whose place it takes, else as it was; a VM has one disk to boot from.</summary>
    private static RestoreDiskPlan Join(
        RestoreDiskPlan plan, RestoreDetails details, EngineVm? target, ReplacedDisk? replaced, string alias, List<string> notes)
    {
        if (target is null)
        {
            return plan;
        }

        if (replaced is not null)
        {
            return plan with { Interface = replaced.Interface, Bootable = replaced.Bootable, Active = replaced.Active };
        }

        if (details.Scope == RestoreScope.Overwrite)
        {
            notes.Add($"disk {alias} has no counterpart in VM {target.Name} and is added to it");
        }

        var free = FreeAlias(alias, target);
        if (free is not null)
        {
            notes.Add($"VM {target.Name} has a disk named {alias} already: the new one is named {free}");
        }

        return plan with
        {
            Alias = free,
            Bootable = plan.Bootable && !target.Disks.Any(disk => disk.Bootable),
            Active = details.Scope == RestoreScope.Overwrite || target.Status == "down" || details.Activate,
        };
    }

    /// <summary>A name that tells a new disk from the VM's own one of its name; null where it has none. By names people and rules pick disks.</summary>
    private static string? FreeAlias(string alias, EngineVm target)
    {
        const int LongestAlias = 255;
        const string Suffix = "_restored";
        var taken = target.Disks.Select(disk => disk.Alias).ToHashSet(StringComparer.Ordinal);
        return taken.Contains(alias)
            ? Enumerable.Range(1, taken.Count + 1).Select(number => number == 1 ? Suffix : $"{Suffix}{number}")
                .Select(suffix => alias[..Math.Min(alias.Length, LongestAlias - suffix.Length)] + suffix).First(name => !taken.Contains(name))
            : null;
    }

    /// <summary>The disk of the same id; after an earlier restore, the only one of the same name that is no other disk of the point.</summary>
    private static ReplacedDisk? ReplacedBy(ManifestDisk disk, VmManifest manifest, EngineVm target)
    {
        var own = target.Disks.Where(candidate => candidate is { StorageType: "image", Shareable: false }).ToList();
        var others = manifest.Disks.Select(other => Guid.Parse(other.DiskId)).ToHashSet();
        var found = own.FirstOrDefault(candidate => candidate.Id == Guid.Parse(disk.DiskId))
            ?? (own.Where(candidate => candidate.Alias == disk.Alias && !others.Contains(candidate.Id)).Take(2).ToList() is [var only] ? only : null);
        return found is null ? null : new ReplacedDisk(found.Id, found.Alias, found.Interface, found.Bootable, found.Active);
    }

    /// <summary>What was asked, else the disk's own, else on another manager the one of the same name. With the name that was looked for.</summary>
    private async Task<(EngineStorageDomain? Domain, string Name)> DomainOfAsync(
        Guid managerId, VmManifest manifest, RestoreDetails details, ManifestDisk disk, IReadOnlyList<EngineStorageDomain> domains, CancellationToken cancellationToken)
    {
        if (details.StorageDomainId is { } asked)
        {
            return (domains.FirstOrDefault(domain => domain.Id == asked), $"{asked}");
        }

        if (!Guid.TryParse(disk.StorageDomainId, out var own))
        {
            return (null, "(unknown)");
        }

        var name = disk.Properties.GetValueOrDefault(PointFacts.StorageDomain, "");
        if (name.Length == 0 && Guid.TryParse(manifest.ManagerId, out var origin))
        {
            name = (await inventory.FindAsync<EngineStorageDomain>(origin, InventoryKind.StorageDomain, own, cancellationToken))?.Name ?? "";
        }

        var found = domains.FirstOrDefault(domain => domain.Id == own);
        if (found is null && manifest.ManagerId != managerId.ToString("D") && name.Length > 0)
        {
            found = domains.FirstOrDefault(domain => domain.Name == name);
        }

        return (found, name.Length > 0 ? name : $"{own}");
    }

    private static string? Shortage(EngineStorageDomain domain, IReadOnlyList<RestoredDisk> disks)
    {
        var needed = disks.Sum(disk => disk.Plan.Sparse ? disk.WriteBytesAtMost : disk.Disk.Root.DiskSize);
        return needed > domain.AvailableBytes
            ? $"storage domain {domain.Name} may be too small: up to {needed >> 20} MiB are written to it, and the manager says that it does not have as much free"
            : null;
    }

    private async Task<RestorePlan> PlanNicsAsync(
        RestorePlan plan, Guid managerId, RestoreDetails details, EngineCluster cluster, IEngine engine, CancellationToken cancellationToken)
    {
        var networks = await inventory.ListAsync<EngineNetwork>(managerId, InventoryKind.Network, cancellationToken);
        var profiles = await inventory.ListAsync<EngineVnicProfile>(managerId, InventoryKind.VnicProfile, cancellationToken);
        var (nics, notes, missing) = RestoreNicPlanner.Plan(plan.Vm, details, cluster.DataCenterId, networks, profiles);
        var known = plan.Vm.Nics.Select(nic => nic.Network).OfType<string>().Distinct().ToList();
        var problems = plan.Problems.ToList();
        problems.AddRange(details.VnicProfiles.Keys.Except(known).Select(name =>
            $"Network '{name}' (--network) is not in the restore point: its NICs are on {(known.Count == 0 ? "none" : Names(known))}."));
        problems.AddRange(details.KeptMacs.Keys.Except(plan.Vm.Nics.Select(nic => nic.Name)).Select(name =>
            $"NIC '{name}' (--mac) is not in the restore point: it has {(plan.Vm.Nics.Count == 0 ? "none" : Names(plan.Vm.Nics.Select(nic => nic.Name)))}."));
        problems.AddRange(missing.Select(name =>
            $"Network '{name}' has no counterpart in the data center of cluster {cluster.Name}: say what to use with --network {name}=PROFILE"
            + $" ({Names(LocalProfiles(cluster, networks, profiles))}), or --network {name}=none."));
        var collisions = nics.Any(nic => nic.Mac is not null)
            ? RestoreNicPlanner.Collisions(nics, await engine.ListMacAddressesAsync(cancellationToken))
            : [];
        problems.AddRange(collisions.Select(taken =>
            $"MAC address {taken.Mac} of NIC {taken.Nic} cannot be kept: VM {taken.Vm} has it. Restore with a new one (--mac {taken.Nic}=new), or remove the NIC from {taken.Vm}."));
        return plan with
        {
            Nics = nics,
            Collisions = collisions,
            Networks = profiles.ToDictionary(profile => profile.Id, profile => $"{networks.FirstOrDefault(network => network.Id == profile.NetworkId)?.Name}/{profile.Name}"),
            Notes = [.. plan.Notes, .. notes],
            Problems = problems,
        };
    }

    private static IEnumerable<string> LocalProfiles(EngineCluster cluster, IReadOnlyList<EngineNetwork> networks, IReadOnlyList<EngineVnicProfile> profiles) =>
        profiles.Where(profile => networks.Any(network => network.Id == profile.NetworkId && network.DataCenterId == cluster.DataCenterId)).Select(profile => profile.Name);

    private static string Names(IEnumerable<string> names) => string.Join(", ", names.Distinct().Order(StringComparer.Ordinal).Take(20)) is { Length: > 0 } text ? text : "none";
}
