// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Retention;

/// <summary>All policies at one moment: which rule holds for which VM.</summary>
internal sealed class PolicyTable
{
    private readonly Dictionary<Guid, RetentionPolicy> _policies;
    private readonly Dictionary<VmKey, Guid> _assigned;
    private readonly NamedRule _default;

    private PolicyTable(IEnumerable<RetentionPolicy> policies, IEnumerable<RetentionAssignment> assignments)
    {
        _policies = policies.ToDictionary(policy => policy.Id);
        _assigned = assignments.ToDictionary(assignment => new VmKey(assignment.ManagerId, assignment.VmId), assignment => assignment.PolicyId);
        _default = _policies.Values.FirstOrDefault(policy => policy.IsDefault) is { } standard ? new NamedRule(standard.Name, standard.Rule) : NamedRule.None;
    }

    public static async Task<PolicyTable> ReadAsync(ServerDbContext context, CancellationToken cancellationToken) => new(
        await context.RetentionPolicies.AsNoTracking().ToListAsync(cancellationToken),
        await context.RetentionAssignments.AsNoTracking().ToListAsync(cancellationToken));

    /// <summary>The VM's own policy, else the default, else none.</summary>
    public NamedRule RuleOf(VmKey vm) => _assigned.TryGetValue(vm, out var policy) ? new NamedRule(_policies[policy].Name, _policies[policy].Rule) : _default;
}
