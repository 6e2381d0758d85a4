// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Retention;

/// <summary>A restore point as retention sees it.</summary>
/// <param name="PointId">The point.</param>
/// <param name="Created">The moment it holds.</param>
/// <param name="IsGood">False when it is known that it cannot be restored whole.</param>
/// <param name="PinReason">Why an operator wants it kept; null = not pinned.</param>
/// <param name="LockedUntil">The repository refuses to remove it earlier.</param>
internal sealed record RetentionCandidate(string PointId, DateTimeOffset Created, bool IsGood = true, string? PinReason = null, DateTimeOffset? LockedUntil = null);

/// <summary>What happens to a point, and by which rules. A point without reasons is removed.</summary>
internal sealed record RetentionDecision(RetentionCandidate Point, IReadOnlyList<string> Reasons)
{
    public bool IsKept => Reasons.Count > 0;
}
