// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Jobs.Backup.Commands;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>The calls a backup would make on the manager, in order, without those that only read.</summary>
internal static class PlannedCalls
{
    public static IReadOnlyList<string> Of(EngineVm vm, BackupDetails details, BackupPlan plan, KeptStates kept) =>
        TransportModes.UsesSnapshot(details.TransportMode)
            ? [.. Command(CommandPhase.Pre, details.Commands), .. Snapshot(vm, details, plan), .. Deletions(vm, kept)]
            : [.. Command(CommandPhase.Pre, details.Commands), .. Cbt(vm, details, plan), .. Deletions(vm, kept)];

    private static IEnumerable<string> Command(CommandPhase phase, BackupCommands? commands) => commands?.Of(phase) is { } command
        ? [$"{(phase == CommandPhase.Pre ? "pre-command" : "post-command")} {commands.Where()}: {string.Join(' ', [command.Name, .. command.Arguments])}"]
        : [];

    private static IEnumerable<string> Cbt(EngineVm vm, BackupDetails details, BackupPlan plan)
    {
        var from = plan.FromCheckpointId is { } checkpoint ? $" from checkpoint {checkpoint}" : "";
        var names = plan.Disks.Select(disk => plan.Incremental && !plan.ReadingOf(disk, details.TransportMode).Incremental ? $"{disk.Alias} in full" : disk.Alias);
        yield return $"POST vms/{vm.Id}/backups ({string.Join(", ", names)}{from})";
        foreach (var command in Command(CommandPhase.Post, details.Commands))
        {
            yield return command;
        }

        foreach (var disk in plan.Disks)
        {
            yield return $"POST imagetransfers (download {disk.Alias} of the backup)";
            yield return "POST imagetransfers/ID/finalize";
        }

        yield return $"POST vms/{vm.Id}/backups/ID/finalize";
    }

    private static IEnumerable<string> Snapshot(EngineVm vm, BackupDetails details, BackupPlan plan)
    {
        var freezes = details.ConsistencyRule == ConsistencyRules.Freeze && vm.Status == "up";
        if (freezes)
        {
            yield return $"POST vms/{vm.Id}/freezefilesystems";
        }

        yield return $"POST vms/{vm.Id}/snapshots ({Names(plan.Disks)}, without memory)";
        if (freezes)
        {
            yield return $"POST vms/{vm.Id}/thawfilesystems (as soon as the snapshot is there, after {details.FreezeTimeout.TotalSeconds:F0} s at the latest)";
        }

        foreach (var command in Command(CommandPhase.Post, details.Commands))
        {
            yield return command;
        }

        if (details.Export is { } export)
        {
            yield return $"POST vms?clone=true ({ExportedImages.ClonePrefix}JOB, of the snapshot)";
            yield return $"POST vms/CLONE/export (to {export.DomainName})";
            yield return $"DELETE storagedomains/{export.DomainId}/vms/CLONE";
            yield return "DELETE vms/CLONE";
        }

        foreach (var disk in details.Export is null ? plan.Disks : [])
        {
            if (details.TransportMode == TransportModes.DiskAttachment)
            {
                yield return $"POST vms/WORKER/diskattachments ({disk.Alias} of the snapshot)";
                yield return $"PUT vms/WORKER/diskattachments/{disk.Id} (unplug)";
                yield return $"DELETE vms/WORKER/diskattachments/{disk.Id} (detach only)";
            }
            else if (details.TransportMode == TransportModes.Ssh)
            {
                yield return $"ssh HOST qemu-nbd --read-only ({disk.Alias} of the snapshot{(plan.Incremental ? ", what its newest layer holds" : "")})";
            }
            else
            {
                var part = (details.ReadsFiles(), plan.Incremental) switch
                {
                    (true, true) => ", the file of its newest layer",
                    (true, false) => ", the files of its layers one after the other",
                    (false, true) => ", its newest layer alone",
                    _ => "",
                };
                yield return $"POST imagetransfers (download {disk.Alias} of the snapshot{part})";
                yield return "POST imagetransfers/ID/finalize";
            }
        }

        if (!details.KeepsSnapshot())
        {
            yield return $"DELETE vms/{vm.Id}/snapshots/ID";
        }
    }

    /// <summary>Once the point is safe, what backups before it have kept goes, in whatever mode.</summary>
    private static IEnumerable<string> Deletions(EngineVm vm, KeptStates kept) =>
        [.. kept.Checkpoints.Select(id => $"DELETE vms/{vm.Id}/checkpoints/{id}"), .. kept.Snapshots.Select(snapshot => $"DELETE vms/{vm.Id}/snapshots/{snapshot.Id}")];

    private static string Names(IEnumerable<EngineDisk> disks) => string.Join(", ", disks.Select(disk => disk.Alias));
}
