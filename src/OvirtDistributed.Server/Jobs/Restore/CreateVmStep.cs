// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Xml;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Where a new VM is asked for: creates it from the point's OVF, without disks and NICs; from its main facts where the engine refuses the OVF.</summary>
internal sealed class CreateVmStep(IEngineDirectory engines, EngineLedger ledger, VmImport import, Installation installation) : IJobStep
{
    public JobKind Kind => JobKind.Restore;

    public JobState State => JobState.CreatingVm;

    public StepSkip? Skip(Job job) => job.Restore!.Scope == RestoreScope.NewVm
        ? null
        : new StepSkip(job.Restore.RewritesVm() ? JobEvent.VmKept : JobEvent.VmCreated, "the VM is there already");

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Restore!;

        // A job of an earlier version may be in this state.
        if (Skip(job) is { } skip)
        {
            return StepResult.Next(skip.Event);
        }

        if (details.Export is not null)
        {
            return await import.RunAsync(context, cancellationToken);
        }

        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var entry = await ledger.OpenAsync(LedgerKind.Vm, LedgerOwner.OfJob(job.ManagerId, job.Id), details.ClusterId, cancellationToken);
        if (entry.EngineId is null)
        {
            var sameName = await engine.FindVmsByNameAsync(details.NewName, cancellationToken);
            var ours = sameName.FirstOrDefault(vm => EngineMarker.IsOfJob(vm.Description, installation.InstanceId, job.Id));
            if (ours is null && sameName.Count > 0)
            {
                return StepResult.Fail($"A VM named '{details.NewName}' was made meanwhile: choose another name.");
            }

            var id = ours?.Id ?? await CreateAsync(context, engine, entry, cancellationToken);
            await ledger.ConfirmAsync(entry, id, cancellationToken);
        }

        job.Restore = details with { NewVmId = entry.EngineId };
        return StepResult.Next(JobEvent.VmCreated);
    }

    private async Task<Guid> CreateAsync(StepContext context, IEngine engine, LedgerEntry entry, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Restore!;
        var vm = JsonSerializer.Deserialize<EngineVm>(
            await context.Database.DocumentAsync(job.Id, JobDocument.Vm, cancellationToken), JsonColumn.Options)!;
        var marker = EngineMarker.Of(installation.InstanceId, job.RepositoryId, job.Id);
        var start = new EngineVmStart(
            details.NewName, $"{vm.Description} {marker}".TrimStart(), details.ClusterId, await ReadOvfAsync(context, cancellationToken), vm, entry.Id);
        try
        {
            return await engine.CreateVmAsync(start, cancellationToken);
        }
        catch (EngineException failure) when (start.Ovf is not null && failure.Failure is EngineFailure.Refused or EngineFailure.Failed)
        {
            // A call that failed may still have made something; only a plain second try is safe to make when nothing is there.
            if ((await engine.FindVmsByNameAsync(details.NewName, cancellationToken)).Count > 0)
            {
                throw;
            }

            job.Note($"the manager refused the stored configuration ({failure.Message}); the VM was created from its main facts: check its settings");
            return await engine.CreateVmAsync(start with { Ovf = null }, cancellationToken);
        }
    }

    private static async Task<string?> ReadOvfAsync(StepContext context, CancellationToken cancellationToken)
    {
        var ovf = await context.Database.DocumentAsync(context.Job.Id, JobDocument.Ovf, cancellationToken);
        try
        {
            return ovf.Length == 0 ? null : OvfConfiguration.WithoutDisksAndNics(ovf);
        }
        catch (XmlException failure)
        {
            context.Job.Note($"the stored OVF is not XML ({failure.Message}); the VM is created from its main facts: check its settings");
            return null;
        }
    }
}
