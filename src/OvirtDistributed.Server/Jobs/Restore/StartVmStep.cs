// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Settings;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>The restore is done: VM and disks are the operator's from here on, lose our mark, what they replace is deleted, and the VM is powered on where asked.</summary>
internal sealed class StartVmStep(IEngineDirectory engines, EngineLedger ledger, Installation installation, ServerOptions options) : IJobStep
{
    private static readonly TimeSpan LaunchPatience = TimeSpan.FromMinutes(2);

    public JobKind Kind => JobKind.Restore;

    public JobState State => JobState.StartingVm;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;

        // First of all: nothing that was restored may be taken for a left-over any more. What still lies in an export domain is one.
        foreach (var entry in (await ledger.ListOpenAsync(job.Id, cancellationToken)).Where(open => open.Kind != LedgerKind.ExportedVm))
        {
            await ledger.CloseAsync(entry, "kept", cancellationToken);
        }

        WarnOfSettings(context);
        await UnmarkAsync(context, engine, cancellationToken);
        await ProtectAsync(context, engine, cancellationToken);
        if (!await ReplacedDisks.RemoveAsync(context, engine, cancellationToken) || !await DropCheckpointsAsync(context, engine, cancellationToken))
        {
            return StepResult.WaitFor(options.PollInterval);
        }

        var details = job.Restore!;
        if (!details.Start)
        {
            return StepResult.Next(JobEvent.VmStarted);
        }

        var vm = await engine.FindVmAsync(details.NewVmId!.Value, cancellationToken);
        switch (vm?.Status)
        {
            case null:
                return StepResult.Fail($"VM {details.NewName} was deleted before it could be started.");
            case "image_locked":
                return StepResult.WaitFor(options.PollInterval);
            case "down" when !details.StartRequested:
                await engine.StartVmAsync(vm.Id, job.Id, cancellationToken);
                job.Restore = details with { StartRequested = true };
                return StepResult.WaitFor(options.PollInterval);
            case "down" when context.InStep < LaunchPatience:
                return StepResult.WaitFor(options.PollInterval);
            case "down":
                return StepResult.Fail($"The VM {details.NewName} is restored but did not stay up after its start.");
            case not "up" when context.InStep < LaunchPatience:
                return StepResult.WaitFor(options.PollInterval);
            default:
                // Without a guest agent a VM may count as powering up for long; it runs all the same.
                return StepResult.Next(JobEvent.VmStarted);
        }
    }

    /// <summary>Those of disks that are gone, the safety point's among them, would stay until the next backup of the VM, and it may have none.</summary>
    private async Task<bool> DropCheckpointsAsync(StepContext context, IEngine engine, CancellationToken cancellationToken)
    {
        var job = context.Job;
        if (job.Restore is not { Scope: RestoreScope.Overwrite, StartRequested: false } details)
        {
            return true;
        }

        var reason = "the manager still has them";
        try
        {
            if (await VmCheckpoints.DropAsync(context, engine, details.NewVmId!.Value, installation, cancellationToken))
            {
                return true;
            }

            if (context.InStep < options.FinalizePatience)
            {
                return false;
            }
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            reason = failure.Message;
        }

        job.Warn($"The checkpoints of the VM's old disks were not deleted: {reason.TrimEnd('.')}. Its next backup tries again.");
        return true;
    }

    /// <summary>The step before ended in a way that nobody foresaw.</summary>
    private static void WarnOfSettings(StepContext context)
    {
        if (context.Job.Restore is { Scope: RestoreScope.NewVm, SettingsDone: false })
        {
            context.Job.Warn($"the settings of the VM were not all restored, compare them with the restore point (ovd point show): {context.Job.Message}".TrimEnd(' ', ':'));
        }
    }

    /// <summary>Last of all settings: until here the VM could be deleted by us.</summary>
    private static async Task ProtectAsync(StepContext context, IEngine engine, CancellationToken cancellationToken)
    {
        if (context.Job.Restore is not { ProtectFromDeletion: true } details)
        {
            return;
        }

        try
        {
            await engine.ChangeVmAsync(details.NewVmId!.Value, new EngineVmChange { DeleteProtected = true }, context.Job.Id, cancellationToken);
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            var reason = $"the manager does not take it: {failure.Message}";
            context.Job.Warn($"{SettingTable.DeleteProtection}: {reason}");
            context.Job.Restore = details with
            {
                Settings = [.. details.Settings.Select(setting => setting.Name == SettingTable.DeleteProtection ? setting with { Restored = false, Reason = reason } : setting)],
            };
        }
    }

    private async Task UnmarkAsync(StepContext context, IEngine engine, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var marker = EngineMarker.Of(installation.InstanceId, job.RepositoryId, job.Id);
        if (await engine.FindVmAsync(job.Restore!.NewVmId!.Value, cancellationToken) is not { } vm)
        {
            return;
        }

        if (vm.Description.Contains(marker, StringComparison.Ordinal))
        {
            await engine.DescribeVmAsync(vm.Id, vm.Description.Replace(marker, "", StringComparison.Ordinal).TrimEnd(), job.Id, cancellationToken);
        }

        foreach (var disk in vm.Disks.Where(disk => disk.Description.Contains(marker, StringComparison.Ordinal)))
        {
            await engine.DescribeDiskAsync(disk.Id, disk.Description.Replace(marker, "", StringComparison.Ordinal).TrimEnd(), job.Id, cancellationToken);
        }
    }
}
