// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Exports;

/// <summary>Has the manager make a VM of the snapshot, because it exports only VMs that are down; waits until its disks are copied.</summary>
internal sealed class CloneVmStep(IEngineDirectory engines, EngineLedger ledger, Installation installation, ServerOptions options) : IJobStep
{
    public JobKind Kind => JobKind.Backup;

    public JobState State => JobState.CloningVm;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var entry = await ledger.OpenAsync(LedgerKind.ClonedVm, LedgerOwner.OfJob(job.ManagerId, job.Id), job.VmId, cancellationToken);
        if (entry.EngineId is null)
        {
            try
            {
                var id = await FindOwnAsync(engine, job, cancellationToken) ?? await engine.CloneSnapshotAsync(StartOf(job, entry), cancellationToken);
                await ledger.ConfirmAsync(entry, id, cancellationToken);
                context.Info($"VM {job.VmName} is cloned as {ExportedImages.CloneName(job.Id)} ({id})");
            }
            catch (EngineException failure) when (!failure.IsPassing)
            {
                await ledger.CloseAsync(entry, failure.Message, cancellationToken);
                return StepResult.Fail($"The manager did not clone the snapshot of VM {job.VmName}: {failure.Message}");
            }
        }

        switch (await engine.FindVmAsync(entry.EngineId!.Value, cancellationToken))
        {
            case null:
                return StepResult.Fail($"The manager could not clone the snapshot of VM {job.VmName} and took the clone back: see its events (correlation id {entry.Id}).");
            case { Status: "image_locked" } when context.InStep <= options.ExportPatience:
                return StepResult.WaitFor(options.PollInterval);
            case { Status: "image_locked" }:
                return StepResult.Fail($"The manager did not clone the snapshot within {options.ExportPatience} (Server:ExportPatience).");
            case { } clone:
                return await RecordAsync(context, engine, clone, cancellationToken);
        }
    }

    /// <summary>Where each disk's copy is. A disk that cannot be found again is left out, with a warning, when tasks are offered.</summary>
    private static async Task<StepResult> RecordAsync(StepContext context, IEngine engine, EngineVm clone, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var vm = JsonSerializer.Deserialize<EngineVm>(await context.Database.DocumentAsync(job.Id, JobDocument.Vm, cancellationToken), JsonColumn.Options)!;
        var images = new Dictionary<Guid, ExportedImage>();
        foreach (var (diskId, copy) in ExportedImages.Match(vm.Disks.Where(disk => job.Backup!.Disks.Contains(disk.Id)), clone))
        {
            if (await engine.ListVolumesAsync(copy.Id, cancellationToken) is [var volume])
            {
                images.Add(diskId, new ExportedImage(copy.Id, volume.Id, volume.Format));
            }
        }

        job.Backup = job.Backup! with { Export = job.Backup.Export! with { CloneId = clone.Id, Images = images } };
        return StepResult.Next(JobEvent.VmCloned);
    }

    private async Task<Guid?> FindOwnAsync(IEngine engine, Job job, CancellationToken cancellationToken) =>
        (await engine.FindVmsByNameAsync(ExportedImages.CloneName(job.Id), cancellationToken))
            .FirstOrDefault(vm => EngineMarker.IsOfJob(vm.Description, installation.InstanceId, job.Id))?.Id;

    private EngineCloneStart StartOf(Job job, LedgerEntry entry) => new(
        ExportedImages.CloneName(job.Id),
        $"Backup by OvirtDistributed {EngineMarker.Of(installation.InstanceId, job.RepositoryId, job.Id)}",
        job.ClusterId,
        job.Backup!.EngineBackupId!.Value,
        entry.Id);
}
