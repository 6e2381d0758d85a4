// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store;

/// <summary>What a write session is opened for.</summary>
public sealed record WriteSessionRequest
{
    /// <summary>The task: one disk of a job. Letters, digits, '-' and '.', at most 64.</summary>
    public required string TaskId { get; init; }

    /// <summary>The fencing token of the attempt's lease. Lower ones than any seen for the task are refused for ever.</summary>
    public required long FencingToken { get; init; }

    /// <summary>The backup or snapshot at the manager. Another one than the last attempt's discards its pages and keeps its chunks.</summary>
    public required string EngineBackupId { get; init; }

    /// <summary>Size of the disk in bytes.</summary>
    public required long DiskSize { get; init; }

    /// <summary>The point whose disk is the base of an incremental; pinned until the session ends.</summary>
    public string? BasePointId { get; init; }

    /// <summary>The disk in the base point; required with <see cref="BasePointId"/>.</summary>
    public string? BaseDiskId { get; init; }

    /// <summary>Whether the writer reads ranges again to write them anew: see <see cref="WriteSession.RewriteRanges"/>.</summary>
    public bool WantsRewrites { get; init; }
}
