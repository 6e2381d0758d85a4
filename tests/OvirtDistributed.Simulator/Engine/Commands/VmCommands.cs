// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine.Commands;

/// <summary>Life of a VM as an entity: create (plain, from a template, from OVF, from a snapshot), change, remove. Called with the gate held.</summary>
internal sealed partial class VmCommands(EngineContext engine, DiskCommands disks)
{
    private const string CannotAdd = "Cannot add VM";
    private const string CannotRemove = "Cannot remove VM";

    // Fields that are stored and given back as they came.
    private static readonly string[] StoredFields =
    [
        "auto_pinning_policy", "bios", "console", "cpu", "cpu_pinning_policy", "cpu_shares", "custom_compatibility_version", "custom_cpu_model",
        "custom_emulated_machine", "custom_properties", "display", "domain", "high_availability", "initialization", "io", "large_icon",
        "lease", "memory_policy", "migration", "migration_downtime", "multi_queues_enabled", "numa_tune_mode", "origin", "os", "payloads",
        "placement_policy", "quota", "rng_device", "serial_number", "small_icon", "soundcard_enabled", "sso", "start_paused",
        "storage_error_resume_behaviour", "time_zone", "tpm_enabled", "tunnel_migration", "type", "usb", "virtio_scsi",
        "virtio_scsi_multi_queues_enabled",
    ];

    private EngineState State => engine.State;

    public async Task<(Vm Vm, EngineJob? Job)> CreateAsync(WireNode body, bool clone, CommandScope scope)
    {
        var configuration = body.Child("initialization")?.Child("configuration");
        if (configuration is not null)
        {
            return (await ImportAsync(body, configuration, scope), null);
        }

        var cluster = Lookup.Cluster(State, body.Child("cluster"), "Vm", "add");
        if (body.Items("snapshots") is [{ } snapshotNode, ..])
        {
            return FromSnapshot(body, cluster, snapshotNode, scope);
        }

        var template = Lookup.Find(State.Templates, body.Child("template"))
            ?? (body.Child("template") is null
                ? State.Templates[EngineState.BlankTemplateId]
                : throw ApiFault.BadRequest($"{CannotAdd}. The specified template does not exist."));
        if (template.Status != "ok")
        {
            throw ApiFault.Conflict($"{CannotAdd}: The template {template.Name} is locked.");
        }

        var vm = New(body.Guid() ?? Guid.NewGuid(), CheckName(body.Value("name"), cluster), cluster, template.Id);
        vm.Memory = template.Memory;
        Copy(template.Stored, vm.Stored);
        Apply(vm, body);
        State.Vms.Add(vm.Id, vm);
        var sources = template.Attachments.Select(a => (Source: a, Disk: State.Disks[a.DiskId], Image: (Guid?)null)).ToList();
        return (vm, sources.Count == 0 ? null : CopyDisks(vm, sources, scope, onTemplate: !clone));
    }

    public void Update(Vm vm, WireNode body)
    {
        Guard.VmFree(vm, "Cannot edit VM");
        if (body.Value("name") is { } name && name != vm.Name)
        {
            vm.Name = CheckName(name, State.Clusters[vm.ClusterId]);
        }

        CheckSettings(vm, body);
        Apply(vm, body);
        if (Lookup.Find(State.Clusters, body.Child("cluster")) is { } cluster)
        {
            vm.ClusterId = cluster.Id;
        }
    }

    /// <summary>Accepts the removal of a VM, with its disks unless <paramref name="detachOnly"/>.</summary>
    public EngineJob Remove(Vm vm, bool detachOnly, bool force, CommandScope scope)
    {
        if (!force)
        {
            Guard.VmFree(vm, CannotRemove);
        }

        if (vm.DeleteProtected)
        {
            throw ApiFault.Conflict($"{CannotRemove}: Delete protection is enabled. In order to delete, disable Delete protection first.");
        }

        if (!vm.IsDown)
        {
            throw ApiFault.Conflict($"{CannotRemove}: VM is running.");
        }

        Guard.NoSnapshotWork(vm, CannotRemove);
        Guard.NotDuringBackup(vm, CannotRemove);
        var owned = vm.Attachments.Where(a => a.SnapshotId is null).Select(a => State.Disks[a.DiskId]).ToList();
        Guard.DisksUnlocked(owned, CannotRemove);
        owned.ForEach(d => Guard.NotTransferred(State, d, CannotRemove));
        CheckSnapshotsFree(vm, CannotRemove);
        if (detachOnly && owned.Exists(d => d.HasSnapshots))
        {
            throw ApiFault.Conflict($"{CannotRemove}: Cannot detach disks with snapshots.");
        }

        vm.LockedBy = "VM is being removed. Please try again in a few minutes.";
        vm.Status = VmStatus.ImageLocked;
        return engine.Start(
            scope,
            $"Removing VM {vm.Name}",
            async op =>
            {
                await op.StepAsync();
                foreach (var disk in detachOnly ? [] : owned)
                {
                    await disks.RemoveNowAsync(op, disk);
                }

                await op.ApplyAsync(() =>
                {
                    State.Vms.Remove(vm.Id);
                    State.AffinityGroups.Values.ToList().ForEach(g => g.Vms.Remove(vm.Id));
                    State.AffinityLabels.Values.ToList().ForEach(l => l.Vms.Remove(vm.Id));
                    op.Event(113, "normal", $"VM {vm.Name} was successfully removed.", new EventSubject { ClusterId = vm.ClusterId });
                });
            },
            (op, e) =>
            {
                vm.LockedBy = null;
                vm.Status = VmStatus.Down;
                op.Event(114, "error", $"Failed to remove VM {vm.Name}: {e.Message}", new EventSubject { VmId = vm.Id });
            });
    }

    /// <summary>
    /// Refuses while a snapshot disk of the VM is attached to another VM, plugged or not. With <paramref name="snapshot"/> only its disks count, but in any
    /// snapshot: a merge changes the layers of its neighbours.
    /// </summary>
    public void CheckSnapshotsFree(Vm vm, string cannot, Snapshot? snapshot = null)
    {
        var ids = vm.Snapshots.Select(s => s.Id).ToHashSet();
        var attached = State.Vms.Values
            .SelectMany(v => v.Attachments
                .Where(a => a.SnapshotId is { } s && ids.Contains(s) && snapshot?.Volumes.ContainsKey(a.DiskId) != false)
                .Select(a => $"{State.Disks[a.DiskId].Name}/{v.Name}"))
            .ToList();
        if (attached.Count > 0)
        {
            throw ApiFault.Conflict(
                $"{cannot}: The following VM's disks snapshots are attached to other VMs (Disk Alias/VMs attached to): {string.Join(", ", attached)}. Please detach them from those VMs and try again.");
        }
    }

    /// <summary>Makes a template of a stopped VM: full copies of its disks.</summary>
    public (Template Template, EngineJob? Job) CreateTemplate(WireNode body, CommandScope scope)
    {
        const string cannot = "Cannot create Template";
        var name = body.Value("name") ?? throw ApiFault.Incomplete("Template", "name", "add");
        var vm = Lookup.Find(State.Vms, body.Child("vm")) ?? throw ApiFault.Incomplete("Template", "vm.id|name", "add");
        if (!vm.IsDown)
        {
            throw ApiFault.Conflict($"{cannot}: VM must be down.");
        }

        Guard.VmFree(vm, cannot);
        var sources = vm.Attachments.Where(a => a.SnapshotId is null).ToList();
        Guard.DisksUnlocked(sources.Select(a => State.Disks[a.DiskId]), cannot);
        var template = new Template
        {
            Id = body.Guid() ?? Guid.NewGuid(),
            Name = name,
            Description = body.Value("description"),
            ClusterId = vm.ClusterId,
            Status = sources.Count == 0 ? "ok" : "locked",
            CreationTime = engine.Now,
            Memory = vm.Memory,
        };
        Copy(vm.Stored, template.Stored);
        State.Templates.Add(template.Id, template);
        if (sources.Count == 0)
        {
            return (template, null);
        }

        var copies = sources.ConvertAll(a => (Source: a, Disk: State.Disks[a.DiskId], Image: (Guid?)null));
        var job = CopyDisks(template.Attachments, copies, $"Creating Template {name} from VM {vm.Name}", scope, () => template.Status = "ok");
        return (template, job);
    }

    private static void Copy(Dictionary<string, WireNode> from, Dictionary<string, WireNode> to)
    {
        foreach (var (key, value) in from)
        {
            to[key] = value;
        }
    }

    private Vm New(Guid id, string name, Cluster cluster, Guid templateId)
    {
        if (State.Vms.ContainsKey(id))
        {
            throw ApiFault.Conflict($"{CannotAdd}: VM with the same identifier already exists.");
        }

        var vm = new Vm { Id = id, Name = name, ClusterId = cluster.Id, TemplateId = templateId, CreationTime = engine.Now };
        VmDefaults.Fill(vm, cluster);
        vm.Snapshots.Add(new Snapshot
        {
            Id = Guid.NewGuid(),
            VmId = id,
            Description = "Active VM",
            Date = engine.Now,
            Type = "active",
            Status = SnapshotStatus.Ok,
        });
        return vm;
    }

    private string CheckName(string? name, Cluster cluster)
    {
        if (string.IsNullOrWhiteSpace(name))
        {
            throw ApiFault.Incomplete("Vm", "name", "add");
        }

        if (State.Vms.Values.Any(v => v.Name == name && State.Clusters[v.ClusterId].DataCenterId == cluster.DataCenterId))
        {
            throw ApiFault.Conflict($"{CannotAdd}: The VM name is already in use, please choose a unique name and try again.");
        }

        return name;
    }

    private static void Apply(Vm vm, WireNode body)
    {
        vm.Description = body.Value("description") ?? vm.Description;
        vm.Comment = body.Value("comment") ?? vm.Comment;
        vm.Memory = body.Number("memory") ?? vm.Memory;
        vm.DeleteProtected = body.Flag("delete_protected") ?? vm.DeleteProtected;
        vm.VirtioScsi = body.Child("virtio_scsi")?.Flag("enabled") ?? vm.VirtioScsi;
        foreach (var field in StoredFields)
        {
            if (body.Child(field) is not { } node)
            {
                continue;
            }

            var merged = Merge(vm.Stored.GetValueOrDefault(field), node);
            if (field == "initialization")
            {
                merged.Remove("configuration");
                if (merged.Child("root_password") is not null)
                {
                    // The engine tells a password to nobody.
                    merged.Set(new WireNode("root_password", WireKind.Text, "******"));
                }
            }

            vm.Stored[field] = merged;
        }
    }

    private (Vm Vm, EngineJob? Job) FromSnapshot(WireNode body, Cluster cluster, WireNode reference, CommandScope scope)
    {
        var id = reference.Guid() ?? throw ApiFault.Incomplete("Vm", "snapshots.snapshot.id", "add");
        var snapshot = State.Vms.Values.SelectMany(v => v.Snapshots).FirstOrDefault(s => s.Id == id)
            ?? throw ApiFault.BadRequest($"{CannotAdd}. The snapshot {id} does not exist.");
        if (snapshot.Status != SnapshotStatus.Ok)
        {
            throw ApiFault.Conflict($"{CannotAdd}: The snapshot is locked.");
        }

        var vm = New(Guid.NewGuid(), CheckName(body.Value("name"), cluster), cluster, EngineState.BlankTemplateId);
        Copy(State.Vms[snapshot.VmId].Stored, vm.Stored);
        vm.Memory = State.Vms[snapshot.VmId].Memory;
        Apply(vm, body);
        State.Vms.Add(vm.Id, vm);
        var sources = snapshot.Attachments.Where(a => a.Active && snapshot.Volumes.ContainsKey(a.DiskId) && State.Disks.ContainsKey(a.DiskId))
            .Select(a => (Source: a, Disk: State.Disks[a.DiskId], Image: (Guid?)snapshot.Volumes[a.DiskId])).ToList();
        if (sources.Count == 0)
        {
            return (vm, null);
        }

        snapshot.Status = SnapshotStatus.Locked;
        vm.Status = VmStatus.ImageLocked;
        var job = CopyDisks(
            vm.Attachments, sources, $"Creating VM {vm.Name} from Snapshot {snapshot.Description}", scope, Unlock, () =>
            {
                Unlock();
                vm.Attachments.ForEach(a => disks.RemoveUnchecked(State.Disks[a.DiskId], scope));
                State.Vms.Remove(vm.Id);
            });
        foreach (var attachment in vm.Attachments)
        {
            // The engine tells copies apart by the name of their VM.
            State.Disks[attachment.DiskId].Name += $"_{vm.Name}";
        }

        return (vm, job);

        void Unlock()
        {
            snapshot.Status = SnapshotStatus.Ok;
            vm.Status = VmStatus.Down;
        }
    }

    private EngineJob CopyDisks(Vm vm, List<(DiskAttachment Source, Disk Disk, Guid? Image)> sources, CommandScope scope, bool onTemplate)
    {
        vm.Status = VmStatus.ImageLocked;
        return CopyDisks(vm.Attachments, sources, $"Creating VM {vm.Name}", scope, () => vm.Status = VmStatus.Down, onTemplate: onTemplate);
    }

    private EngineJob CopyDisks(
        List<DiskAttachment> target, List<(DiskAttachment Source, Disk Disk, Guid? Image)> sources, string description, CommandScope scope, Action done, Action? undone = null, bool onTemplate = false)
    {
        var copies = new List<(Disk From, Guid? Image, Disk To)>();
        foreach (var (source, from, image) in sources)
        {
            var to = new Disk
            {
                Id = Guid.NewGuid(),
                Name = from.Name,
                StorageDomainId = from.StorageDomainId,
                DiskProfileId = from.DiskProfileId,
                Format = onTemplate ? "cow" : from.Format,
                Sparse = onTemplate || from.Sparse,
                ProvisionedSize = from.ProvisionedSize,
                Backup = from.Backup,
                CreationDate = engine.Now,
            };
            if (onTemplate)
            {
                to.Volumes.Add(new Volume { ImageId = from.Active.ImageId, TemplateDisk = from.Id, Format = from.Format, Sparse = from.Sparse });
            }

            to.Volumes.Add(new Volume { ImageId = Guid.NewGuid(), ParentId = onTemplate ? from.Active.ImageId : null, Format = to.Format, Sparse = to.Sparse });
            State.Disks.Add(to.Id, to);
            target.Add(new DiskAttachment { DiskId = to.Id, Active = true, Bootable = source.Bootable, Interface = source.Interface });
            copies.Add((from, image, to));
        }

        return engine.Start(
            scope,
            description,
            async op =>
            {
                await op.StepAsync();
                if (scope.FailsMerge)
                {
                    throw new StorageException(StorageFailure.ToolFailed, "The copy was made to fail.");
                }

                foreach (var (from, image, to) in copies)
                {
                    var spec = new DiskSpec(to.Id, to.Active.ImageId, DiskCommands.FormatOf(to), to.Sparse, to.ProvisionedSize);
                    await (onTemplate ? engine.Storage.StandOnAsync(from.Id, spec, engine.Stopping) : engine.Storage.CloneDiskAsync(from.Id, image, spec, engine.Stopping));
                    await disks.RefreshSizesAsync(op, to);
                    await op.ApplyAsync(() => to.Status = DiskStatus.Ok);
                }

                await op.ApplyAsync(done);
            },
            (_, _) =>
            {
                copies.ForEach(c => c.To.Status = DiskStatus.Illegal);
                (undone ?? done)();
            });
    }
}
