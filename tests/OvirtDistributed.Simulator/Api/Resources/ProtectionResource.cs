// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api.Render;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api.Resources;

/// <summary>What a backup product lives on: snapshots, backups, checkpoints, image transfers.</summary>
internal sealed class ProtectionResource(EngineCommands commands)
{
    private EngineState State => commands.State;

    private EngineLevel Level => commands.Engine.Level;

    public void Map(ApiRouter router)
    {
        MapSnapshots(router);
        if (Level.Backups)
        {
            MapBackups(router);
        }

        MapTransfers(router);
    }

    private void MapSnapshots(ApiRouter router) => router
        .Map("GET", "/vms/*/snapshots", r => Listing.All(r, "snapshots", Vm(r).Snapshots, s => VmRender.Snapshot(State, Vm(r), s, r.AllContent)))
        .Map("POST", "/vms/*/snapshots", r =>
        {
            var (snapshot, job) = commands.Snapshots.Create(Vm(r), r.Body, r.Scope);
            return ApiReply.Created(VmRender.Snapshot(State, Vm(r), snapshot, false), job);
        })
        .Map("GET", "/vms/*/snapshots/*", r => ApiReply.Ok(VmRender.Snapshot(State, Vm(r), Snapshot(r), r.AllContent)))
        .Map("DELETE", "/vms/*/snapshots/*", r => ApiReply.Action(commands.Snapshots.Remove(Vm(r), Snapshot(r), r.Scope)))
        .Map("POST", "/vms/*/snapshots/*/restore", r => ApiReply.Action(commands.Snapshots.Restore(Vm(r), Snapshot(r), r.Scope)))
        .Map("GET", "/vms/*/snapshots/*/disks", r => SnapshotDisks(r))
        .Map("GET", "/vms/*/snapshots/*/disks/*", SnapshotDisk)
        .Map("GET", "/vms/*/snapshots/*/nics", r => Listing.All(r, "nics", Vm(r).Nics, n => VmRender.Nic(Vm(r), n)))
        .Map("GET", "/vms/*/snapshots/*/cdroms", r => Listing.All<int>(r, "cdroms", [], _ => new WireNode("cdrom")));

    private void MapBackups(ApiRouter router) => router
        .Map("GET", "/vms/*/backups", r => Listing.All(r, "backups", Vm(r).Backups, ActivityRender.Backup))
        .Map("POST", "/vms/*/backups", r =>
        {
            var (backup, job) = commands.Backups.Start(Vm(r), r.Body, r.Flag("require_consistency"), r.Flag("legacy"), r.Scope);
            // The phase tells the progress; the body carries no creation status.
            return new ApiReply(201, ActivityRender.Backup(backup)) { CreatedPath = $"/vms/{backup.VmId}/backups/{backup.Id}" };
        })
        .Map("GET", "/vms/*/backups/*", r => ApiReply.Ok(ActivityRender.Backup(Backup(r))))
        .Map("POST", "/vms/*/backups/*/finalize", r => ApiReply.Action(commands.Backups.Finalize(Vm(r), Backup(r), r.Scope)))
        .Map("GET", "/vms/*/backups/*/disks", r => Listing.All(
            r, "disks", Backup(r).Disks.Where(d => State.Disks.ContainsKey(d.Key)), d => DiskRender.Disk(State, State.Disks[d.Key], Mode(r, d.Value))))
        .Map("GET", "/vms/*/checkpoints", r => Listing.All(r, "checkpoints", Vm(r).Checkpoints, ActivityRender.Checkpoint))
        .Map("GET", "/vms/*/checkpoints/*", r => ApiReply.Ok(ActivityRender.Checkpoint(Checkpoint(r))))
        .Map("DELETE", "/vms/*/checkpoints/*", r => ApiReply.Action(commands.Backups.RemoveCheckpoint(Vm(r), Checkpoint(r), r.Scope)))
        .Map("GET", "/vms/*/checkpoints/*/disks", r => Listing.All(
            r, "disks", Checkpoint(r).Disks.Where(State.Disks.ContainsKey), d => DiskRender.Disk(State, State.Disks[d])));

    private void MapTransfers(ApiRouter router)
    {
        router
            .Map("GET", "/imagetransfers", r => Listing.All(r, "image_transfers", State.Transfers.Values, ActivityRender.Transfer))
            .Map("POST", "/imagetransfers", r =>
            {
                Level.Check(r, ("shallow", Level.Layers), ("timeout_policy", Level.TimeoutPolicy), ("format", Level.TransferFormat), ("backup", Level.Backups));
                var (transfer, _) = commands.Transfers.Create(r.Body, r.Scope);
                return new ApiReply(201, ActivityRender.Transfer(transfer)) { CreatedPath = $"/imagetransfers/{transfer.Id}" };
            })
            .Map("GET", "/imagetransfers/*", r => ApiReply.Ok(ActivityRender.Transfer(Lookup.Get(State.Transfers, r.Id(0)))));
        MapAction(router, "extend", commands.Transfers.Extend);
        MapAction(router, "pause", commands.Transfers.Pause);
        MapAction(router, "resume", commands.Transfers.Resume);
        MapAction(router, "cancel", commands.Transfers.Cancel);
        MapAction(router, "finalize", commands.Transfers.Finalize);
    }

    // A transfer that is gone answers 200 too: actions on it are idempotent.
    private void MapAction(ApiRouter router, string name, Func<ImageTransfer, CommandScope, EngineJob> action) =>
        router.Map("POST", $"/imagetransfers/*/{name}", r =>
            State.Transfers.TryGetValue(r.Id(0), out var transfer) ? ApiReply.Action(action(transfer, r.Scope)) : ApiReply.Action());

    private ApiReply SnapshotDisks(ApiRequest r)
    {
        var snapshot = Snapshot(r);
        return Listing.All(r, "disks", Layers(r), l => DiskRender.SnapshotDisk(snapshot, l.Disk, l.Volume));
    }

    private ApiReply SnapshotDisk(ApiRequest r)
    {
        var id = r.Id(2);
        var layer = Layers(r).FirstOrDefault(l => l.Disk.Id == id);
        return layer.Disk is null ? throw ApiFault.Gone("Disk", id) : ApiReply.Ok(DiskRender.SnapshotDisk(Snapshot(r), layer.Disk, layer.Volume));
    }

    private IEnumerable<(Disk Disk, Volume Volume)> Layers(ApiRequest r)
    {
        var snapshot = Snapshot(r);
        if (snapshot.IsActive)
        {
            return Vm(r).Attachments.Where(a => a.SnapshotId is null).Select(a => State.Disks[a.DiskId]).Select(d => (d, d.Active));
        }

        return from pair in snapshot.Volumes
               where State.Disks.ContainsKey(pair.Key)
               let disk = State.Disks[pair.Key]
               let volume = disk.Volumes.Find(v => v.ImageId == pair.Value)
               where volume is not null
               select (disk, volume);
    }

    private string? Mode(ApiRequest r, string mode) =>
        State.Clusters[Vm(r).ClusterId].Version >= ClusterLevel.MixedBackup ? mode : null;

    private Vm Vm(ApiRequest r) => Lookup.Get(State.Vms, r.Id(0));

    private Snapshot Snapshot(ApiRequest r) => Lookup.Get(Vm(r).Snapshots, r.Id(1));

    private Backup Backup(ApiRequest r) => Lookup.Get(Vm(r).Backups, r.Id(1));

    private Checkpoint Checkpoint(ApiRequest r) => Lookup.Get(Vm(r).Checkpoints, r.Id(1));
}
