// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Exports;

/// <summary>Has the manager copy the clone to the export domain, waits until it is whole there, and offers one task per disk.</summary>
internal sealed class ExportVmStep(IEngineDirectory engines, EngineLedger ledger, TaskSettlement settlement, ServerOptions options) : IJobStep
{
    public JobKind Kind => JobKind.Backup;

    public JobState State => JobState.ExportingVm;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var export = job.Backup!.Export!;
        var cloneId = export.CloneId ?? throw new InvalidOperationException($"Job {job.Id} exports a VM it never cloned.");
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        if (await engine.FindVmAsync(cloneId, cancellationToken) is not { } clone)
        {
            return StepResult.Fail($"The clone of VM {job.VmName} ({cloneId}) was deleted before it was exported.");
        }

        var entry = await ledger.OpenAsync(LedgerKind.ExportedVm, LedgerOwner.OfJob(job.ManagerId, job.Id), export.DomainId, cloneId, cancellationToken);
        if (entry.State == LedgerState.Intent)
        {
            return await RequestAsync(context, engine, entry, clone, cancellationToken) ?? StepResult.WaitFor(options.PollInterval);
        }

        if (clone.Status == "image_locked")
        {
            return context.InStep <= options.ExportPatience
                ? StepResult.WaitFor(options.PollInterval)
                : StepResult.Fail($"The manager did not export the clone within {options.ExportPatience} (Server:ExportPatience).");
        }

        // The OVF comes last: a VM that is listed is whole.
        if (!await engine.IsExportedAsync(export.DomainId, cloneId, cancellationToken))
        {
            return StepResult.Fail($"The manager could not export VM {clone.Name} to {export.DomainName}: see its events (correlation id {entry.Id}).");
        }

        var vm = JsonSerializer.Deserialize<EngineVm>(await context.Database.DocumentAsync(job.Id, JobDocument.Vm, cancellationToken), JsonColumn.Options)!;
        BackupTasks.Offer(context, settlement, vm, job.Backup, "the export", disk => export.Images.ContainsKey(disk.Id) ? new TakenDisk(GivesChanges: false) : null);
        return StepResult.Next(JobEvent.BackupReady);
    }

    /// <summary>One whose answer was lost has locked the clone; asking once more replaces what it made.</summary>
    private async Task<StepResult?> RequestAsync(StepContext context, IEngine engine, LedgerEntry entry, EngineVm clone, CancellationToken cancellationToken)
    {
        var export = context.Job.Backup!.Export!;
        try
        {
            if (clone.Status != "image_locked")
            {
                await engine.ExportVmAsync(clone.Id, export.DomainId, entry.Id, cancellationToken);
                context.Info($"{clone.Name} is exported to {export.DomainName}");
            }
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            await ledger.CloseAsync(entry, failure.Message, cancellationToken);
            return StepResult.Fail($"The manager did not export VM {clone.Name} to {export.DomainName}: {failure.Message}");
        }

        await ledger.ConfirmAsync(entry, clone.Id, cancellationToken);
        return null;
    }
}
