// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Retention;
using Wire = OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Server.Admin;

internal sealed class RetentionAdminService(
    IDbContextFactory<ServerDbContext> contexts, RetentionPolicies policies, RetentionPlanner planner, RetentionRunner runner, PointPins pins)
    : Wire.RetentionService.RetentionServiceBase
{
    public override async Task<Wire.SetRetentionPolicyResponse> SetRetentionPolicy(Wire.SetRetentionPolicyRequest request, ServerCallContext context)
    {
        if (request.MakeDefault && request.ClearDefault)
        {
            throw OperatorException.Invalid("clear_default", "true", "a policy cannot become the default and lose that in one call.");
        }

        bool? isDefault = request.MakeDefault ? true : request.ClearDefault ? false : null;
        var (policy, created) = await policies.SetAsync(request.Name, RuleOf(request.Rule ?? new Wire.RetentionRule()), isDefault, context.CancellationToken);
        return new Wire.SetRetentionPolicyResponse { Policy = ToWire(policy, []), Created = created };
    }

    public override async Task<Wire.ListRetentionPoliciesResponse> ListRetentionPolicies(Wire.ListRetentionPoliciesRequest request, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var stored = await database.RetentionPolicies.AsNoTracking().OrderBy(policy => policy.Name).ToListAsync(context.CancellationToken);
        var names = (await RetentionPolicies.KnownVmsAsync(database, context.CancellationToken)).ToDictionary(vm => vm.Key, vm => vm.Name);
        var assigned = (await database.RetentionAssignments.AsNoTracking().ToListAsync(context.CancellationToken))
            .ToLookup(row => row.PolicyId, row => names.GetValueOrDefault(new VmKey(row.ManagerId, row.VmId), row.VmId.ToString("D")));
        return new Wire.ListRetentionPoliciesResponse
        {
            Policies = { stored.Select(policy => ToWire(policy, assigned[policy.Id].Order(StringComparer.Ordinal))) },
        };
    }

    public override async Task<Wire.RemoveRetentionPolicyResponse> RemoveRetentionPolicy(Wire.RemoveRetentionPolicyRequest request, ServerCallContext context)
    {
        await policies.RemoveAsync(Required("policy", request.Policy), context.CancellationToken);
        return new Wire.RemoveRetentionPolicyResponse();
    }

    public override async Task<Wire.AssignRetentionPolicyResponse> AssignRetentionPolicy(Wire.AssignRetentionPolicyRequest request, ServerCallContext context)
    {
        var policy = request.Policy.Length == 0 ? null : request.Policy;
        return new Wire.AssignRetentionPolicyResponse { Vms = { await policies.AssignAsync(policy, request.Vms, context.CancellationToken) } };
    }

    public override async Task<Wire.PreviewRetentionResponse> PreviewRetention(Wire.PreviewRetentionRequest request, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var scope = await ScopeAsync(database, request.Vm, request.Repository, context.CancellationToken);
        if (request.Rule is { } trial)
        {
            var rule = RuleOf(trial);
            if (rule.Problems().ToList() is { Count: > 0 } problems)
            {
                throw new OperatorException(FailureKind.InvalidInput, string.Join(Environment.NewLine, problems)) { Fields = rule.Fields };
            }

            scope = scope with { Instead = new NamedRule("(the rule given)", rule) };
        }
        else if (request.Policy.Length > 0)
        {
            var policy = await RetentionPolicies.ResolveAsync(database, request.Policy, context.CancellationToken);
            scope = scope with { Instead = new NamedRule(policy.Name, policy.Rule) };
        }

        var plan = await planner.PlanAsync(scope, context.CancellationToken);
        return new Wire.PreviewRetentionResponse { Decisions = { plan.Select(ToWire) } };
    }

    public override async Task<Wire.ApplyRetentionResponse> ApplyRetention(Wire.ApplyRetentionRequest request, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var scope = await ScopeAsync(database, request.Vm, request.Repository, context.CancellationToken);
        var removals = await runner.ApplyAsync(scope, context.CancellationToken);
        return new Wire.ApplyRetentionResponse { Removals = { removals.Select(ToWire) } };
    }

    public override async Task<Wire.PinPointResponse> PinPoint(Wire.PinPointRequest request, ServerCallContext context) =>
        new() { PointId = await pins.PinAsync(request.Point, request.Reason, context.CancellationToken) };

    public override async Task<Wire.UnpinPointResponse> UnpinPoint(Wire.UnpinPointRequest request, ServerCallContext context)
    {
        var (pointId, wasPinned) = await pins.UnpinAsync(request.Point, context.CancellationToken);
        return new Wire.UnpinPointResponse { PointId = pointId, WasPinned = wasPinned };
    }

    private static async Task<RetentionScope> ScopeAsync(ServerDbContext database, string vm, string repository, CancellationToken cancellationToken)
    {
        var scope = new RetentionScope();
        if (repository.Length > 0)
        {
            var repositories = await database.Repositories.AsNoTracking().ToListAsync(cancellationToken);
            scope = scope with { RepositoryId = NameLookup.Resolve(repositories, "repository", "repository", repository, row => row.Name, row => row.Id).Id };
        }

        if (vm.Length > 0)
        {
            var known = await RetentionPolicies.KnownVmsAsync(database, cancellationToken);
            scope = scope with { Vm = NameLookup.Resolve(known, "vm", "VM", vm, item => item.Name, item => item.Key.VmId).Key };
        }

        return scope;
    }

    private static string Required(string field, string value) =>
        value.Length > 0 ? value : throw OperatorException.Invalid(field, value, "name one (ovd retention list).");

    private static RetentionRule RuleOf(Wire.RetentionRule rule) => new()
    {
        Last = rule.Last,
        Hourly = rule.Hourly,
        Daily = rule.Daily,
        Weekly = rule.Weekly,
        Monthly = rule.Monthly,
        Yearly = rule.Yearly,
        WithinDays = rule.WithinDays,
        TimeZone = rule.TimeZone.Length == 0 ? "UTC" : rule.TimeZone,
    };

    private static Wire.RetentionPolicy ToWire(RetentionPolicy policy, IEnumerable<string> vms) => new()
    {
        Id = policy.Id.ToString("D"),
        Name = policy.Name,
        IsDefault = policy.IsDefault,
        Vms = { vms },
        Rule = new Wire.RetentionRule
        {
            Last = policy.Rule.Last,
            Hourly = policy.Rule.Hourly,
            Daily = policy.Rule.Daily,
            Weekly = policy.Rule.Weekly,
            Monthly = policy.Rule.Monthly,
            Yearly = policy.Rule.Yearly,
            WithinDays = policy.Rule.WithinDays,
            TimeZone = policy.Rule.TimeZone,
        },
    };

    private static Wire.RetentionDecision ToWire(PlannedPoint planned) => new()
    {
        PointId = planned.Point.Id,
        VmName = planned.Point.VmName,
        Repository = planned.Repository.Name,
        Created = planned.Point.Created.ToTimestamp(),
        Keep = planned.Decision.IsKept,
        Reasons = { planned.Decision.Reasons },
        Policy = planned.Policy,
        StoredBytes = planned.Point.StoredBytes,
        Problem = planned.Problem,
    };
}
