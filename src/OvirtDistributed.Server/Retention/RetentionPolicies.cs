// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using Npgsql;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;

namespace OvirtDistributed.Server.Retention;

/// <summary>Changes to policies and to who has which.</summary>
internal sealed class RetentionPolicies(IDbContextFactory<ServerDbContext> contexts, TimeProvider time)
{
    /// <summary>Creates a policy, or replaces the rule of the one with this name.</summary>
    /// <param name="name">1 to 100 characters.</param>
    /// <param name="rule">The whole rule.</param>
    /// <param name="isDefault">Whether it is the default from now on; null leaves that as it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OperatorException">Name or rule cannot be used; every problem is named.</exception>
    public async Task<(RetentionPolicy Policy, bool Created)> SetAsync(string name, RetentionRule rule, bool? isDefault, CancellationToken cancellationToken)
    {
        Check(name, rule);
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        if (isDefault is true)
        {
            await context.RetentionPolicies.Where(other => other.IsDefault && other.Name != name)
                .ExecuteUpdateAsync(set => set.SetProperty(other => other.IsDefault, false), cancellationToken);
        }

        var policy = await context.RetentionPolicies.FirstOrDefaultAsync(row => row.Name == name, cancellationToken);
        var created = policy is null;
        if (policy is null)
        {
            policy = new RetentionPolicy { Id = Guid.NewGuid(), Name = name, Rule = rule, Changed = time.GetUtcNow() };
            context.RetentionPolicies.Add(policy);
        }

        policy.Rule = rule;
        policy.IsDefault = isDefault ?? policy.IsDefault;
        policy.Changed = time.GetUtcNow();
        try
        {
            await context.SaveChangesAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        catch (DbUpdateException failure) when (failure.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            throw new OperatorException(FailureKind.Conflict, $"Retention policies were changed by somebody else at the same time: set '{name}' again.", failure);
        }

        return (policy, created);
    }

    /// <exception cref="OperatorException">There is no such policy, or VMs have it.</exception>
    public async Task RemoveAsync(string text, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var policy = await ResolveAsync(context, text, cancellationToken);
        var vms = await context.RetentionAssignments.CountAsync(assignment => assignment.PolicyId == policy.Id, cancellationToken);
        if (vms > 0)
        {
            throw new OperatorException(
                FailureKind.WrongState, $"Retention policy '{policy.Name}' is assigned to {vms} VM(s): assign another policy to them first (ovd retention list shows them).");
        }

        await context.RetentionPolicies.Where(row => row.Id == policy.Id).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>Gives VMs a policy of their own; null = the default again. All or none.</summary>
    /// <exception cref="OperatorException">A VM or the policy is not known.</exception>
    public async Task<IReadOnlyList<string>> AssignAsync(string? policyText, IReadOnlyList<string> vms, CancellationToken cancellationToken)
    {
        if (vms.Count == 0)
        {
            throw OperatorException.Invalid("vms", "", "name at least one VM.");
        }

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var policy = policyText is null ? null : await ResolveAsync(context, policyText, cancellationToken);
        var known = await KnownVmsAsync(context, cancellationToken);
        var found = vms.Select(vm => NameLookup.Resolve(known, "vms", "VM", vm, item => item.Name, item => item.Key.VmId)).Distinct().ToList();
        foreach (var (key, _) in found)
        {
            var row = await context.RetentionAssignments.FindAsync([key.ManagerId, key.VmId], cancellationToken);
            if (policy is null && row is not null)
            {
                context.RetentionAssignments.Remove(row);
            }
            else if (policy is not null && row is null)
            {
                context.RetentionAssignments.Add(new RetentionAssignment { ManagerId = key.ManagerId, VmId = key.VmId, PolicyId = policy.Id });
            }
            else if (policy is not null)
            {
                row!.PolicyId = policy.Id;
            }
        }

        await context.SaveChangesAsync(cancellationToken);
        return [.. found.Select(vm => vm.Name)];
    }

    /// <summary>The policy an operator means.</summary>
    /// <exception cref="OperatorException">None.</exception>
    public static async Task<RetentionPolicy> ResolveAsync(ServerDbContext context, string text, CancellationToken cancellationToken) => NameLookup.Resolve(
        await context.RetentionPolicies.AsNoTracking().OrderBy(policy => policy.Name).ToListAsync(cancellationToken),
        "policy",
        "retention policy",
        text,
        policy => policy.Name,
        policy => policy.Id);

    /// <summary>VMs of the managers and VMs that are gone but have restore points.</summary>
    public static async Task<IReadOnlyList<(VmKey Key, string Name)>> KnownVmsAsync(ServerDbContext context, CancellationToken cancellationToken)
    {
        var present = await context.Inventory.AsNoTracking().Where(item => item.Kind == InventoryKind.Vm)
            .Select(item => new { item.ManagerId, VmId = item.ObjectId, item.Name }).ToListAsync(cancellationToken);
        var stored = await context.RestorePoints.AsNoTracking().OrderByDescending(point => point.Created)
            .Select(point => new { point.ManagerId, point.VmId, Name = point.VmName }).ToListAsync(cancellationToken);
        return [.. present.Concat(stored).DistinctBy(vm => (vm.ManagerId, vm.VmId)).Select(vm => (new VmKey(vm.ManagerId, vm.VmId), vm.Name))];
    }

    private static void Check(string name, RetentionRule rule)
    {
        var problems = rule.Problems().ToList();
        if (name.Length is 0 or > 100)
        {
            problems.Insert(0, name.Length == 0 ? "name is needed: use 1 to 100 characters." : $"name '{name}' cannot be used: use 1 to 100 characters.");
        }

        if (problems.Count > 0)
        {
            throw new OperatorException(FailureKind.InvalidInput, string.Join(Environment.NewLine, problems)) { Fields = [.. rule.Fields, "name"] };
        }
    }
}
