// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>What a restore would do.</summary>
/// <param name="Subject">What it is about.</param>
/// <param name="Plan">What was decided.</param>
/// <param name="Digest">Names it; empty when it cannot be done.</param>
internal sealed record PreviewedRestore(RestoreSubject Subject, RestorePlan Plan, string Digest);

/// <summary>Plans restores without making them, and makes those that were planned as long as nothing has changed.</summary>
internal sealed class RestorePreview(
    IDbContextFactory<ServerDbContext> contexts, RestoreAdmission admission, InventoryReader reader, TimeProvider time)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(30);

    /// <summary>Reads the manager's inventory anew, changes nothing on it, and remembers the plan.</summary>
    /// <exception cref="OperatorException">The request cannot work.</exception>
    public async Task<PreviewedRestore> PlanAsync(RestoreRequest request, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var (subject, plan) = await DecideAsync(context, request, cancellationToken);
        if (plan.Problems.Count > 0)
        {
            return new PreviewedRestore(subject, plan, "");
        }

        var facts = PlanFacts.Of(subject, plan);
        var digest = PlanFacts.Digest(facts);
        await RememberAsync(context, digest, request with { RequestId = "", LossAccepted = false }, facts, cancellationToken);
        return new PreviewedRestore(subject, plan, digest);
    }

    /// <summary>One job that does what the plan says.</summary>
    /// <param name="digest">The plan's, or its first characters.</param>
    /// <param name="ofOneDisk">The plan has to be one of a disk; else one of a whole VM.</param>
    /// <param name="lossAccepted">What a VM holds may be lost where the plan has no safety point.</param>
    /// <param name="requestId">The same twice is answered with the first job.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OperatorException">There is no such plan, or it would not be the same any more: with what has changed.</exception>
    public async Task<Guid> ApplyAsync(string digest, bool ofOneDisk, bool lossAccepted, string requestId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var key = RequestKey.Of(requestId, digest);
        if (await JobAdmission.FindHandledAsync(context, key, cancellationToken) is { } handled)
        {
            return handled[0];
        }

        var planned = await FindAsync(context, digest, cancellationToken);
        if ((planned.Request.Scope is RestoreScope.Disk or RestoreScope.InPlace) != ofOneDisk)
        {
            throw OperatorException.Invalid("plan", digest, ofOneDisk ? "it is the plan of a whole VM: apply it with ovd restore vm --plan." : "it is the plan of one disk: apply it with ovd restore disk --plan.");
        }

        RestoreSubject subject;
        RestorePlan plan;
        try
        {
            (subject, plan) = await DecideAsync(context, planned.Request, cancellationToken);
        }
        catch (OperatorException failure) when (failure.Kind is FailureKind.InvalidInput or FailureKind.NotFound or FailureKind.AlreadyExists)
        {
            throw Drifted(planned, [failure.Message], failure);
        }

        if (plan.Problems.Where(problem => problem != plan.NoWorker).ToList() is { Count: > 0 } problems)
        {
            throw Drifted(planned, problems);
        }

        var changes = PlanFacts.Differences(planned.Facts, PlanFacts.Of(subject, plan));
        if (changes.Count > 0)
        {
            throw Drifted(planned, changes);
        }

        if (plan.NoWorker is { } nobody)
        {
            throw new OperatorException(FailureKind.WrongState, nobody);
        }

        RestoreLoss.RequireAccepted(subject, plan, lossAccepted);
        return await admission.SaveAsync(context, subject, key, cancellationToken);
    }

    private async Task<(RestoreSubject Subject, RestorePlan Plan)> DecideAsync(ServerDbContext context, RestoreRequest request, CancellationToken cancellationToken)
    {
        var manager = await RestoreAdmission.FindManagerAsync(context, request, cancellationToken);
        try
        {
            await reader.ReadAsync(manager.Id, cancellationToken);
        }
        catch (EngineException failure)
        {
            throw failure.ToOperator();
        }

        var subject = await admission.ResolveAsync(context, request, cancellationToken);
        var plan = await admission.PlanAsync(subject, cancellationToken)
            ?? throw new OperatorException(FailureKind.Unavailable, $"Restore point {subject.Point.Id} cannot be read now, neither from its repository nor from a copy: look at ovd repository list.");
        return (subject, plan);
    }

    private async Task RememberAsync(ServerDbContext context, string digest, RestoreRequest request, IReadOnlyList<PlanFact> facts, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await context.RestorePlans.Where(row => row.Created < now - Lifetime).ExecuteDeleteAsync(cancellationToken);
        if (await context.RestorePlans.FirstOrDefaultAsync(row => row.Digest == digest, cancellationToken) is { } known)
        {
            known.Created = now;
        }
        else
        {
            context.RestorePlans.Add(new StoredRestorePlan { Digest = digest, Request = request, Facts = facts, Created = now });
        }

        await context.SaveChangesAsync(cancellationToken);
    }

    private static async Task<StoredRestorePlan> FindAsync(ServerDbContext context, string digest, CancellationToken cancellationToken)
    {
        var prefix = digest.ToLowerInvariant();
        var found = await context.RestorePlans.AsNoTracking().Where(row => row.Digest.StartsWith(prefix)).OrderBy(row => row.Digest).Take(20).ToListAsync(cancellationToken);
        return found.Count > 0
            ? NameLookup.ResolvePrefix(found, "plan", "plan", digest, row => row.Digest)
            : throw new OperatorException(FailureKind.NotFound, $"plan '{digest}': there is no such plan (they are kept for {Lifetime.Days} days); make one with ovd plan restore.");
    }

    private static OperatorException Drifted(StoredRestorePlan planned, IReadOnlyList<string> changes, Exception? inner = null) => new(
        FailureKind.Conflict, $"Plan {planned.Digest} does not hold any more, so nothing was done. Plan again (ovd plan restore). Changed since {planned.Created:u}: {string.Join("; ", changes)}", inner);
}
