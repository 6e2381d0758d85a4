// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Exports;

/// <summary>The end of a restore through an export domain: has the manager import the VM that workers wrote there, then has it deleted from there.</summary>
internal sealed class VmImport(IEngineDirectory engines, EngineLedger ledger, EngineCleanup cleanup, Installation installation, ServerOptions options)
{
    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var owner = LedgerOwner.OfJob(job.ManagerId, job.Id);
        var entry = await ledger.OpenAsync(LedgerKind.ClonedVm, owner, job.Restore!.ClusterId, cancellationToken);
        if (entry.EngineId is null && await RequestAsync(context, engine, entry, cancellationToken) is { } refused)
        {
            return refused;
        }

        switch (entry.EngineId is { } id ? await engine.FindVmAsync(id, cancellationToken) : null)
        {
            case null when entry.EngineId is null:
                return StepResult.WaitFor(options.PollInterval);
            case null:
                return StepResult.Fail(Failed(job));
            case { Status: "image_locked" } when context.InStep <= options.ExportPatience:
                return StepResult.WaitFor(options.PollInterval);
            case { Status: "image_locked" }:
                return StepResult.Fail($"The manager did not import VM {job.Restore.NewName} within {options.ExportPatience} (Server:ExportPatience).");
        }

        if (!await IsRemovedAsync(context, owner, cancellationToken))
        {
            return StepResult.WaitFor(options.PollInterval);
        }

        job.Restore = job.Restore with { NewVmId = entry.EngineId };
        return StepResult.Next(JobEvent.VmCreated);
    }

    private static string Failed(Job job) =>
        $"The manager could not import VM {job.Restore!.NewName} from export domain {job.Restore.Export!.DomainName}: see its events (correlation id {job.Id}).";

    /// <summary>The engine knows the new VM before it answers: one that was asked for and is not there was taken back.</summary>
    private async Task<StepResult?> RequestAsync(StepContext context, IEngine engine, LedgerEntry entry, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var (details, export) = (job.Restore!, job.Restore!.Export!);
        var sameName = await engine.FindVmsByNameAsync(details.NewName, cancellationToken);
        if (sameName.FirstOrDefault(vm => EngineMarker.IsOfJob(vm.Description, installation.InstanceId, job.Id)) is { } ours)
        {
            await ledger.ConfirmAsync(entry, ours.Id, cancellationToken);
            return null;
        }

        if (export.ImportRequested || sameName.Count > 0)
        {
            return StepResult.Fail(export.ImportRequested ? Failed(job) : $"A VM named '{details.NewName}' was made meanwhile: choose another name.");
        }

        try
        {
            await engine.ImportVmAsync(
                new EngineImportStart(export.DomainId, export.VmId, details.NewName, details.ClusterId, job.Tasks[0].Plan!.StorageDomainId, job.Id), cancellationToken);
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            return StepResult.Fail($"The manager did not import VM {details.NewName} from export domain {export.DomainName}: {failure.Message}");
        }

        job.Restore = details with { Export = export with { ImportRequested = true } };
        return null;
    }

    /// <summary>A failure costs nobody the restored VM: the reconciler goes on.</summary>
    private async Task<bool> IsRemovedAsync(StepContext context, LedgerOwner owner, CancellationToken cancellationToken)
    {
        if (await ledger.FindOpenAsync(LedgerKind.ExportedVm, owner, cancellationToken) is not { } exported)
        {
            return true;
        }

        try
        {
            if (await cleanup.RemoveExportedAsync(exported, cancellationToken) != CleanupResult.Waiting)
            {
                return true;
            }
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            context.Job.Note($"the VM could not be deleted from export domain {context.Job.Restore!.Export!.DomainName} yet: {failure.Message}; the reconciler goes on with it");
            return true;
        }

        return context.InStep > options.FinalizePatience;
    }
}
