// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine.Commands;

/// <summary>VMs that go to an export domain and come from it. Called with the gate held.</summary>
internal sealed class ExportCommands(EngineContext engine, DiskCommands disks, VmCommands vms)
{
    private const string CannotExport = "Cannot export VM";
    private const string CannotImport = "Cannot import VM";
    private const string CannotRemove = "Cannot remove VM from export domain";

    private EngineState State => engine.State;

    /// <summary>Copies a VM that is down, its active disks collapsed; the OVF comes last.</summary>
    public EngineJob Export(Vm vm, WireNode action, CommandScope scope)
    {
        var domain = Lookup.Domain(State, action.Child("storage_domain"), "Action", "export");
        Guard.DomainActive(domain, CannotExport);
        var images = vm.Attachments.Where(a => a.SnapshotId is null && a.Active).Select(a => State.Disks[a.DiskId]).Where(d => !d.Shareable).ToList();
        Guard.DisksLegal(images, CannotExport);
        Guard.DisksUnlocked(images, CannotExport);
        if (domain.DataCenterId != State.DataCenterOf(vm)?.Id)
        {
            throw ApiFault.Conflict($"{CannotExport}: The source and the target storage pools do not match.");
        }

        if (domain.Type != "export")
        {
            throw ApiFault.Conflict($"{CannotExport}: The storage domain {domain.Name} is not an Export Domain.");
        }

        CheckCollapse(images, action);
        CheckNamesakes(vm, domain, action.Flag("exclusive") ?? false);
        Guard.VmFree(vm, CannotExport);
        Guard.NoSnapshotWork(vm, CannotExport);
        if (!vm.IsDown)
        {
            throw ApiFault.Conflict($"{CannotExport}: VM must be down.");
        }

        vm.Status = VmStatus.ImageLocked;
        images.ForEach(d => d.Status = DiskStatus.Locked);
        var subject = new EventSubject { VmId = vm.Id, StorageDomainId = domain.Id };
        engine.Event(1162, "normal", $"Starting export Vm {vm.Name} to {domain.Name}", subject, scope.CorrelationId);
        return engine.Start(
            scope,
            $"Exporting VM {vm.Name} to {domain.Name}",
            op => ExportAsync(op, vm, images, domain, subject),
            (op, e) =>
            {
                images.ForEach(d => ExportFiles.Of(engine, domain).RemoveImage(d.Id));
                Unlock(vm, images);
                op.Event(1151, "error", $"Failed to export Vm {vm.Name} to {domain.Name}: {e.Message}", subject);
            });
    }

    public IEnumerable<OvfVm> List(StorageDomain domain) => ExportFiles.Of(engine, domain).List();

    public OvfVm Get(StorageDomain domain, Guid vmId) => ExportFiles.Of(engine, domain).Find(vmId) ?? throw ApiFault.Gone("Vm", vmId);

    /// <summary>Makes a VM, with new ids, of one in the domain.</summary>
    public EngineJob Import(StorageDomain domain, Guid vmId, WireNode action, CommandScope scope)
    {
        var ovf = Get(domain, vmId);
        var target = Lookup.Domain(State, action.Child("storage_domain"), "Action", "import");
        Guard.DomainActive(domain, CannotImport);
        Guard.DomainActive(target, CannotImport);
        if (action.Flag("clone") != true)
        {
            throw ApiFault.BadRequest($"{CannotImport}. The simulator imports with new ids only: clone=true.");
        }

        var wanted = new List<(OvfDisk Ovf, ExportedVolume Volume)>();
        foreach (var disk in ovf.Disks)
        {
            var volume = ReadVolume(domain, disk);
            DiskCommands.CheckLegal(target, volume.Format, volume.Sparse, disk.Incremental ? "incremental" : "none", CannotImport);
            wanted.Add((disk, volume));
        }

        var cluster = Lookup.Cluster(State, action.Child("cluster"), "Action", "import");
        var vm = vms.Import(ovf, action.Value("vm/name") ?? ovf.Name, cluster);
        var made = wanted.ConvertAll(pair => (pair.Volume, Disk: AddDisk(vm, target, pair.Ovf, pair.Volume)));
        vm.Status = VmStatus.ImageLocked;
        return engine.Start(
            scope,
            $"Importing VM {vm.Name} to Cluster {cluster.Name}",
            async op =>
            {
                await op.StepAsync();
                FailWhereAsked(scope);
                foreach (var (volume, disk) in made)
                {
                    var spec = new DiskSpec(disk.Id, disk.Active.ImageId, DiskCommands.FormatOf(disk), disk.Sparse, disk.ProvisionedSize);
                    await engine.Storage.CopyFromFileAsync(volume.File, FormatOf(volume.Format), spec, engine.Stopping);
                    await disks.RefreshSizesAsync(op, disk);
                }

                await op.ApplyAsync(() => Unlock(vm, [.. made.Select(pair => pair.Disk)]));
            },
            (op, e) =>
            {
                made.ForEach(pair => disks.RemoveUnchecked(pair.Disk, scope));
                State.Vms.Remove(vm.Id);
                op.Event(1153, "error", $"Failed to import Vm {vm.Name}: {e.Message}", new EventSubject { ClusterId = cluster.Id });
            });
    }

    public EngineJob Remove(StorageDomain domain, Guid vmId, CommandScope scope)
    {
        var ovf = Get(domain, vmId);
        Guard.DomainActive(domain, CannotRemove);
        if (State.Vms.TryGetValue(vmId, out var vm) && vm.Status == VmStatus.ImageLocked)
        {
            throw ApiFault.Conflict($"{CannotRemove}: VM is being exported.");
        }

        ExportFiles.Of(engine, domain).Remove(ovf);
        return engine.Done(scope, $"Removing VM {ovf.Name} from {domain.Name}");
    }

    private async Task ExportAsync(Operation op, Vm vm, List<Disk> images, StorageDomain domain, EventSubject subject)
    {
        var files = ExportFiles.Of(engine, domain);
        await op.StepAsync();
        foreach (var disk in images)
        {
            await engine.Storage.CopyToFileAsync(disk.Id, files.Prepare(disk.Id, disk.Active.ImageId), DiskCommands.FormatOf(disk), engine.Stopping);
            FailWhereAsked(op.Scope);
            files.WriteMeta(disk);
        }

        await op.StepAsync();
        await op.ApplyAsync(() =>
        {
            files.WriteOvf(vm.Id, OvfWriter.Write(State, vm, null));
            Unlock(vm, images);
            op.Event(1150, "normal", $"Vm {vm.Name} was exported successfully to {domain.Name}", subject);
        });
    }

    private static void Unlock(Vm vm, List<Disk> images)
    {
        images.ForEach(d => d.Status = DiskStatus.Ok);
        vm.Status = VmStatus.Down;
    }

    private static void CheckCollapse(List<Disk> images, WireNode action)
    {
        var chained = images.Exists(d => d.HasSnapshots);
        if (chained && action.Flag("discard_snapshots") != true)
        {
            throw ApiFault.BadRequest($"{CannotExport}. The simulator exports disks with snapshots collapsed only: discard_snapshots=true.");
        }
    }

    private void CheckNamesakes(Vm vm, StorageDomain domain, bool exclusive)
    {
        foreach (var there in List(domain))
        {
            if (there.Id == vm.Id && !exclusive)
            {
                throw ApiFault.Conflict($"{CannotExport}: VM with the same identifier already exists.");
            }

            if (there.Id != vm.Id && there.Name == vm.Name)
            {
                throw ApiFault.Conflict($"{CannotExport}: The VM name is already in use.");
            }
        }
    }

    private Disk AddDisk(Vm vm, StorageDomain target, OvfDisk source, ExportedVolume volume)
    {
        var disk = new Disk
        {
            Id = Guid.NewGuid(),
            Name = source.Alias,
            Description = source.Description,
            StorageDomainId = target.Id,
            DiskProfileId = State.DiskProfiles.Values.FirstOrDefault(p => p.StorageDomainId == target.Id)?.Id,
            Format = volume.Format,
            Sparse = volume.Sparse,
            ProvisionedSize = volume.Bytes,
            Backup = source.Incremental ? "incremental" : "none",
            CreationDate = engine.Now,
        };
        disk.Volumes.Add(new Volume { ImageId = Guid.NewGuid(), Format = disk.Format, Sparse = disk.Sparse });
        State.Disks.Add(disk.Id, disk);
        vm.Attachments.Add(new DiskAttachment { DiskId = disk.Id, Active = source.Plugged, Bootable = source.Bootable, Interface = source.Interface });
        return disk;
    }

    private ExportedVolume ReadVolume(StorageDomain domain, OvfDisk disk)
    {
        try
        {
            return ExportFiles.Of(engine, domain).ReadVolume(disk);
        }
        catch (FormatException e)
        {
            throw ApiFault.BadRequest($"{CannotImport}. {e.Message}");
        }
    }

    private static VolumeFormat FormatOf(string format) => format == "cow" ? VolumeFormat.Cow : VolumeFormat.Raw;

    private static void FailWhereAsked(CommandScope scope)
    {
        if (scope.FailsMerge)
        {
            throw new StorageException(StorageFailure.ToolFailed, "The copy was made to fail.");
        }
    }
}
