// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Points;

namespace OvirtDistributed.Repository.Store;

/// <summary>A committed point.</summary>
/// <param name="Point">The point of the job.</param>
/// <param name="AlreadyCommitted">True when an earlier call made it; nothing was written this time.</param>
/// <param name="PagesChecked">Map pages whose chunks were looked up; pages shared with a committed base are not among them.</param>
public sealed record CommitResult(PointInfo Point, bool AlreadyCommitted, long PagesChecked);
