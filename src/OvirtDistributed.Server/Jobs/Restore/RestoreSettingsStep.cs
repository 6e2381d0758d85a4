// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Settings;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Gives a new VM the settings that its OVF lacks or its import lost. What it cannot have is a warning, never a reason to delete a restored VM.</summary>
internal sealed class RestoreSettingsStep(IEngineDirectory engines, ServerOptions options) : IJobStep
{
    public JobKind Kind => JobKind.Restore;

    public JobState State => JobState.RestoringSettings;

    public StepSkip? Skip(Job job) =>
        job.Restore!.Scope == RestoreScope.NewVm ? null : new StepSkip(JobEvent.SettingsRestored, "only a new VM gets the settings of the restore point");

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var (job, details) = (context.Job, context.Job.Restore!);
        if (await FindPlanAsync(context, cancellationToken) is not { } plan)
        {
            job.Restore = details with { SettingsDone = true };
            return StepResult.Next(JobEvent.SettingsRestored);
        }

        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var gaveUp = context.FailingFor > options.StepPatience;
        var restore = new SettingsRestore(engine, details.NewVmId!.Value, details.ClusterId, job.Id, gaveUp);
        if (await restore.RunAsync(plan, cancellationToken) is not { } outcomes)
        {
            return StepResult.Fail($"The new VM {details.NewName} ({details.NewVmId}) was deleted while its settings were being restored.");
        }

        job.Restore = details with { Settings = outcomes, SettingsDone = true, ProtectFromDeletion = plan.Wanted.DeleteProtected };
        foreach (var lost in outcomes.Where(outcome => !outcome.Restored))
        {
            var warning = $"{lost.Name}: {lost.Reason}";
            job.Warn(warning);
            context.Warning(warning);
        }

        return StepResult.Next(JobEvent.SettingsRestored);
    }

    private static async Task<SettingsPlan?> FindPlanAsync(StepContext context, CancellationToken cancellationToken)
    {
        if (context.Job.Restore!.Scope != RestoreScope.NewVm)
        {
            return null;
        }

        var document = await context.Database.FindDocumentAsync(context.Job.Id, JobDocument.Settings, cancellationToken);
        return document is null ? null : JsonSerializer.Deserialize<SettingsPlan>(document, JsonColumn.Options);
    }
}
