// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Jobs.Backup.Commands;
using OvirtDistributed.Server.Jobs.Backup.Freezing;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Managers.Ssh;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs;

/// <summary>What an operator asks to back up.</summary>
internal sealed record BackupRequest(VmSelection Selection, string Manager, string Repository, bool Full, string Compression, string RequestId)
{
    public string TransportMode { get; init; } = TransportModes.Auto;

    public bool DropSnapshot { get; init; }

    public BackupCommands? Commands { get; init; }

    /// <summary>With commands in the guest: the private key that lets in there.</summary>
    public string GuestKey { get; init; } = "";

    public string Consistency { get; init; } = ConsistencyRules.Auto;

    /// <summary>With <see cref="ConsistencyRules.Freeze"/> only: the longest the guest may stay frozen; null for the usual.</summary>
    public TimeSpan? FreezeTimeout { get; init; }

    public override string ToString() => $"BackupRequest {RequestId}";
}

/// <summary>The jobs of a request, and what its rules left out; a request that is repeated does not say the latter again.</summary>
internal sealed record AdmittedBackups(IReadOnlyList<Guid> Jobs, IReadOnlyList<LeftOutVm> LeftOut)
{
    /// <summary>VMs whose jobs are going to fail, or to wait for a worker, beside others that can be backed up.</summary>
    public IReadOnlyList<RefusedVm> Refused { get; init; } = [];
}

/// <summary>What a request means.</summary>
internal sealed record ResolvedBackup(StoredManager Manager, StoredRepository Repository, SelectedVms Selected)
{
    public IReadOnlyList<EngineVm> Vms { get; } = [.. Selected.Chosen.Select(chosen => chosen.Vm)];
}

/// <summary>Turns requests into jobs. Everything that can be wrong is said here, before anything was made. A request id makes its jobs once.</summary>
internal sealed class JobAdmission(
    IDbContextFactory<ServerDbContext> contexts, BackupRefusals refusals, VmSelector selector, PasswordSeal seal, JobSignal signal, TimeProvider time)
{
    private const int MaxRequestIdLength = 200;

    /// <summary>One job per VM.</summary>
    /// <exception cref="OperatorException">The request cannot work.</exception>
    public async Task<AdmittedBackups> AdmitBackupAsync(BackupRequest request, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var key = RequestKey.Of(request.RequestId, request);
        if (await FindHandledAsync(context, key, cancellationToken) is { } handled)
        {
            return new AdmittedBackups(handled, []);
        }

        var resolved = await ResolveBackupAsync(context, request, cancellationToken);
        var (manager, repository, vms) = (resolved.Manager, resolved.Repository, resolved.Vms);
        await RefuseSecondRunAsync(context, manager.Id, [.. vms.Select(vm => vm.Id)], cancellationToken);
        await RefuseDuringRestoreAsync(context, manager.Id, vms, cancellationToken);
        var refused = await refusals.FindAsync(context, resolved, request, cancellationToken);
        if (refused.Count == vms.Count && !(request.Selection.HasRules && refused.Any(vm => vm.Obstacle.Kind == ObstacleKind.NoWorker)))
        {
            throw new OperatorException(FailureKind.WrongState, BackupRefusals.Explain(refused));
        }

        // Rules are what timers ask by: a worker that is away for a moment must not cost the night. The jobs wait for it, and are on record if it does not come.
        // The others go on. Those that cannot get a job that says why: a VM that was to be backed up and was not has to be on record.
        var jobs = vms.Select(vm => NewJob(JobKind.Backup, manager.Id, vm.Id, vm.Name, repository.Id, vm.ClusterId, job => job.Backup = SealedFor(job, request))).ToList();
        return new AdmittedBackups(await SaveAsync(context, jobs, key, cancellationToken), resolved.Selected.LeftOut) { Refused = refused };
    }

    /// <summary>Finds what a request names, and refuses what cannot work.</summary>
    /// <exception cref="OperatorException">The request cannot work.</exception>
    internal async Task<ResolvedBackup> ResolveBackupAsync(ServerDbContext context, BackupRequest request, CancellationToken cancellationToken)
    {
        if (request.Compression is not ("" or "fast" or "default" or "dense" or "none"))
        {
            throw OperatorException.Invalid("compression", request.Compression, "use fast, default, dense or none.");
        }

        if (request.TransportMode != TransportModes.Auto && !TransportModes.All.Contains(request.TransportMode, StringComparer.Ordinal))
        {
            throw OperatorException.Invalid("transport_mode", request.TransportMode, $"use {TransportModes.Auto}, {string.Join(" or ", TransportModes.All)}.");
        }

        if (!ConsistencyRules.All.Contains(request.Consistency, StringComparer.Ordinal))
        {
            throw OperatorException.Invalid("consistency", request.Consistency, $"use {string.Join(" or ", ConsistencyRules.All)}.");
        }

        FreezeLimits.Check(request);
        CommandCheck.Check(request.Commands, request.GuestKey);
        var manager = await ResolveManagerAsync(context, request.Manager, cancellationToken);
        var repositories = await context.Repositories.AsNoTracking().ToListAsync(cancellationToken);
        var repository = NameLookup.Resolve(repositories, "repository", "repository", request.Repository, row => row.Name, row => row.Id);
        if (repository.Condition == RepositoryCondition.Failed)
        {
            throw new OperatorException(
                FailureKind.WrongState,
                $"Repository {repository.Name} cannot take a backup: {repository.Problem.TrimEnd('.')} (looked at {repository.Checked:u}). Mend that; the server looks again within a minute.");
        }

        var resolved = new ResolvedBackup(manager, repository, await selector.SelectAsync(manager, request.Selection, cancellationToken));
        GuestCheck.CheckReach(request.Commands, resolved.Vms);
        return resolved;
    }

    /// <summary>What a job is asked to do.</summary>
    internal static BackupDetails DetailsOf(BackupRequest request) => new()
    {
        FullRequested = request.Full,
        Compression = request.Compression.Length == 0 ? "default" : request.Compression,
        ExcludedDisks = request.Selection.ExcludedDisks,
        RequestedMode = request.TransportMode,
        DropSnapshot = request.DropSnapshot,
        Commands = request.Commands,
        ConsistencyRule = request.Consistency,
        FreezeTimeout = request.FreezeTimeout ?? FreezeLimits.Default,
    };

    /// <summary>The same with the key to the guest, which nobody but a worker with an order of this job gets to see.</summary>
    private BackupDetails SealedFor(Job job, BackupRequest request)
    {
        var details = DetailsOf(request);
        return details.Commands is { Guest: { } guest } commands
            ? details with { Commands = commands with { Guest = guest with { SealedKey = seal.Seal(job.Id, PrivateKeyText.Checked(request.GuestKey)) } } }
            : details;
    }

    private static async Task RefuseSecondRunAsync(ServerDbContext context, Guid managerId, List<Guid> ids, CancellationToken cancellationToken)
    {
        var running = await context.Jobs.AsNoTracking()
            .Where(job => job.Kind == JobKind.Backup && job.Outcome == JobOutcome.Running && job.ManagerId == managerId && ids.Contains(job.VmId))
            .Select(job => new { job.Id, job.VmName })
            .FirstOrDefaultAsync(cancellationToken);
        if (running is not null)
        {
            throw new OperatorException(
                FailureKind.WrongState, $"VM {running.VmName} is being backed up already by job {running.Id}: the manager allows one backup of a VM at a time. Wait for it, or cancel it.");
        }
    }

    /// <summary>A VM whose disks are being exchanged or rewritten lacks some of them meanwhile: its backup would be whole and yet miss them.</summary>
    private static async Task RefuseDuringRestoreAsync(ServerDbContext context, Guid managerId, IReadOnlyList<EngineVm> vms, CancellationToken cancellationToken)
    {
        var running = await context.Jobs.AsNoTracking()
            .Where(job => job.Kind == JobKind.Restore && job.Outcome == JobOutcome.Running && job.ManagerId == managerId)
            .ToListAsync(cancellationToken);
        var busy = running.Find(job => job.Restore!.RewritesVm() && vms.Any(vm => vm.Id == job.Restore.NewVmId));
        if (busy is not null)
        {
            throw new OperatorException(
                FailureKind.WrongState, $"Job {busy.Id} is restoring over VM {busy.Restore!.NewName}, which lacks disks meanwhile: wait for it, or cancel it.");
        }
    }

    /// <summary>One VM by name or id.</summary>
    /// <exception cref="OperatorException">There is none, or the name is not enough.</exception>
    internal async Task<(StoredManager Manager, EngineVm Vm)> ResolveVmAsync(ServerDbContext context, string manager, string vm, CancellationToken cancellationToken)
    {
        var found = await ResolveManagerAsync(context, manager, cancellationToken);
        return (found, (await selector.SelectAsync(found, VmSelection.Of(vm), cancellationToken)).Chosen[0].Vm);
    }

    internal static async Task<StoredManager> ResolveManagerAsync(ServerDbContext context, string text, CancellationToken cancellationToken) =>
        NameLookup.Resolve(await context.Managers.AsNoTracking().ToListAsync(cancellationToken), "manager", "manager", text, row => row.Name, row => row.Id);

    /// <summary>A job in its first state; not saved.</summary>
    internal Job NewJob(JobKind kind, Guid managerId, Guid vmId, string vmName, Guid repositoryId, Guid clusterId, Action<Job> fill)
    {
        var now = time.GetUtcNow();
        var job = new Job
        {
            Id = Guid.NewGuid(),
            Kind = kind,
            ManagerId = managerId,
            VmId = vmId,
            VmName = vmName,
            RepositoryId = repositoryId,
            ClusterId = clusterId,
            TraceParent = TraceParent(),
            Created = now,
            StepEntered = now,
            NextRun = now,
        };
        fill(job);
        return job;
    }

    /// <summary>The caller's trace; a new one where the call is not traced, so that every job has one.</summary>
    private static string TraceParent() => Activity.Current is { IdFormat: ActivityIdFormat.W3C, Id: { } id }
        ? id
        : $"00-{ActivityTraceId.CreateRandom()}-{ActivitySpanId.CreateRandom()}-00";

    /// <summary>The jobs of a request that came before; null for a new one.</summary>
    /// <exception cref="OperatorException">The id is too long, or was used for something else.</exception>
    internal static async Task<IReadOnlyList<Guid>?> FindHandledAsync(ServerDbContext context, RequestKey key, CancellationToken cancellationToken)
    {
        if (key.Id.Length > MaxRequestIdLength)
        {
            throw OperatorException.Invalid("request_id", key.Id, $"use at most {MaxRequestIdLength} characters.");
        }

        if (key.Id.Length == 0 || await context.HandledRequests.AsNoTracking().FirstOrDefaultAsync(row => row.RequestId == key.Id, cancellationToken) is not { } handled)
        {
            return null;
        }

        return handled.Fingerprint.Length == 0 || handled.Fingerprint == key.Fingerprint
            ? handled.JobIds
            : throw OperatorException.Invalid(
                "request_id", key.Id, $"it was given to another request, which made job {string.Join(", ", handled.JobIds)}. Use a new id for a new request, or repeat the first one as it was.");
    }

    /// <summary>Saves jobs and wakes the runner; the same request twice is answered with its first jobs.</summary>
    internal async Task<IReadOnlyList<Guid>> SaveAsync(ServerDbContext context, List<Job> jobs, RequestKey key, CancellationToken cancellationToken)
    {
        var ids = jobs.Select(job => job.Id).ToList();
        context.Jobs.AddRange(jobs);
        if (key.Id.Length > 0)
        {
            context.HandledRequests.Add(new HandledRequest { RequestId = key.Id, Fingerprint = key.Fingerprint, JobIds = ids, Created = time.GetUtcNow() });
        }

        try
        {
            await context.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException failure) when (
            failure.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation, TableName: "jobs" })
        {
            // Another request for one of the VMs came first, at the same moment. The same request twice is answered with its jobs.
            context.ChangeTracker.Clear();
            if (key.Id.Length > 0 && await FindHandledAsync(context, key, cancellationToken) is { } handled)
            {
                return handled;
            }

            await RefuseSecondRunAsync(context, jobs[0].ManagerId, [.. jobs.Select(job => job.VmId)], cancellationToken);
            throw new OperatorException(FailureKind.Conflict, "Another backup of the VM was started at the same time and has ended already: ask again.", failure);
        }
        catch (DbUpdateException failure) when (
            key.Id.Length > 0 && failure.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            // The same request came twice at the same time: the other one's jobs are the answer.
            context.ChangeTracker.Clear();
            return await FindHandledAsync(context, key, cancellationToken) ?? throw new InvalidOperationException($"Request {key.Id} vanished.", failure);
        }

        ids.ForEach(signal.Wake);
        return ids;
    }
}
