// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Outbox;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Reads the point, decides disks, allocation and NICs, and offers one task per disk.</summary>
internal sealed class PrepareRestoreStep(
    IEngineDirectory engines, RestorablePoint restorable, IClusterQueues queues, InventoryCatalog inventory, TaskSettlement settlement, Installation installation) : IJobStep
{
    public JobKind Kind => JobKind.Restore;

    public JobState State => JobState.Preparing;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var (manifest, ovf) = await restorable.FindAsync(context, cancellationToken);
        var details = job.Restore!;
        if (manifest is null)
        {
            return StepResult.Fail($"Restore point {details.PointId} is not in its repository any more.");
        }

        var vm = VmOf(manifest);
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var sameName = await engine.FindVmsByNameAsync(details.NewName, cancellationToken);
        if (sameName.FirstOrDefault(found => !EngineMarker.IsOfJob(found.Description, installation.InstanceId, job.Id)) is { } taken)
        {
            return StepResult.Fail($"A VM named '{details.NewName}' exists already ({taken.Id}): choose another name.");
        }

        if (await PlanNicsAsync(context, engine, vm, cancellationToken) is { } collision)
        {
            return StepResult.Fail(collision);
        }

        await queues.DeclareAsync(details.ClusterId, cancellationToken);
        await PlanDisksAsync(context, manifest, vm, cancellationToken);
        await context.Database.PutDocumentAsync(job.Id, JobDocument.Vm, JsonSerializer.Serialize(vm, JsonColumn.Options), cancellationToken);
        await context.Database.PutDocumentAsync(job.Id, JobDocument.Ovf, ovf, cancellationToken);
        job.PointId = manifest.PointId;
        return StepResult.Next(JobEvent.Prepared);
    }

    private static EngineVm VmOf(VmManifest manifest) =>
        manifest.Properties.TryGetValue(PointFacts.Vm, out var text) && JsonSerializer.Deserialize<EngineVm>(text, JsonColumn.Options) is { } vm
            ? vm
            : new EngineVm { Id = Guid.Parse(manifest.VmId), Name = manifest.VmName, ClusterId = Guid.Empty, Status = "down" };

    private async Task<string?> PlanNicsAsync(StepContext context, IEngine engine, EngineVm vm, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Restore!;
        var cluster = await inventory.FindAsync<EngineCluster>(job.ManagerId, InventoryKind.Cluster, details.ClusterId, cancellationToken)
            ?? throw new JobFailureException($"Cluster {details.ClusterId} is not in the inventory any more.");
        var networks = await inventory.ListAsync<EngineNetwork>(job.ManagerId, InventoryKind.Network, cancellationToken);
        var profiles = await inventory.ListAsync<EngineVnicProfile>(job.ManagerId, InventoryKind.VnicProfile, cancellationToken);
        var (nics, notes) = RestoreNicPlanner.Plan(vm, details, cluster.DataCenterId, networks, profiles);
        if (details.Nics == NicChoice.KeepMac && nics.Count > 0)
        {
            var collisions = RestoreNicPlanner.Collisions(nics, await engine.ListMacAddressesAsync(cancellationToken));
            if (collisions.Count > 0)
            {
                return $"MAC address {string.Join(", ", collisions)} is in use on the target: restore with new addresses, or remove the NIC that has it.";
            }
        }

        notes.ToList().ForEach(job.Note);
        job.Restore = details with { NicPlan = nics };
        return null;
    }

    private async Task PlanDisksAsync(StepContext context, VmManifest manifest, EngineVm vm, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var domains = await inventory.ListAsync<EngineStorageDomain>(job.ManagerId, InventoryKind.StorageDomain, cancellationToken);
        foreach (var disk in manifest.Disks)
        {
            var domain = DomainOf(job.Restore!, disk, domains);
            var original = vm.Disks.FirstOrDefault(candidate => candidate.Id == Guid.Parse(disk.DiskId));
            var (plan, notes) = RestoreDiskPlanner.Plan(disk, original, domain, job.Restore!);
            foreach (var note in notes)
            {
                job.Note(note);
                context.Info(note);
            }

            var task = new DiskTask
            {
                Id = Guid.NewGuid(),
                JobId = job.Id,
                DiskId = Guid.Parse(disk.DiskId),
                DiskAlias = disk.Alias,
                SizeBytes = disk.Root.DiskSize,
                ClusterId = job.Restore!.ClusterId,
                Plan = plan,
                Offered = context.Now,
                Published = context.Now,
            };
            job.Tasks.Add(task);
            context.Database.Add(task);
            settlement.Offer(context, task);
        }

        if (job.Tasks.Count == 0)
        {
            throw new JobFailureException($"Restore point {manifest.PointId} holds no disk.");
        }
    }

    private static EngineStorageDomain DomainOf(RestoreDetails details, ManifestDisk disk, IReadOnlyList<EngineStorageDomain> domains)
    {
        var wanted = details.StorageDomainId ?? (Guid.TryParse(disk.StorageDomainId, out var own) ? own : Guid.Empty);
        return domains.FirstOrDefault(domain => domain.Id == wanted)
            ?? throw new JobFailureException(
                $"Storage domain {wanted} of disk {disk.Alias} is not on the target: name one (storage_domain): {string.Join(", ", domains.Where(domain => domain.Type == "data").Select(domain => domain.Name))}.");
    }
}
