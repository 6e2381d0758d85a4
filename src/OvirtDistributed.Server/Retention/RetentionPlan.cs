// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Retention;

/// <summary>What is to be looked at; null = all.</summary>
/// <param name="RepositoryId">One repository.</param>
/// <param name="Vm">One VM.</param>
/// <param name="Instead">A rule to try in place of each VM's own.</param>
internal sealed record RetentionScope(Guid? RepositoryId = null, VmKey? Vm = null, NamedRule? Instead = null);

internal readonly record struct VmKey(Guid ManagerId, Guid VmId);

/// <summary>A rule and the name it goes by in messages.</summary>
internal sealed record NamedRule(string Name, RetentionRule? Rule)
{
    /// <summary>Nothing says how long points stay, so they do.</summary>
    public static NamedRule None { get; } = new("", null);
}

/// <summary>What happens to one restore point.</summary>
internal sealed record PlannedPoint(RestorePoint Point, StoredRepository Repository, RetentionDecision Decision, string Policy)
{
    /// <summary>Why it could not be removed; empty when it could, or was to stay.</summary>
    public string Problem { get; init; } = "";
}
