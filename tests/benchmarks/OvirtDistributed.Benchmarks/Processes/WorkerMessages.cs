// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;

namespace OvirtDistributed.Benchmarks.Processes;

/// <summary>One task for the worker process. With <paramref name="File"/> it reads or writes that file; else it uses the image transfer.</summary>
internal sealed record WorkerRequest(
    bool IsRestore,
    string MoverAddress,
    string Repository,
    string TaskId,
    string DiskId,
    long SizeBytes,
    string? BasePoint,
    string? Point,
    string? File,
    IReadOnlyList<long>? DirtyBlocks,
    string? TransferUrl,
    string? CaPem);

/// <summary>What the task came to. <paramref name="AllocatedBytes"/> is managed memory allocated while it ran.</summary>
internal sealed record WorkerReply(
    string? Error, byte[] RootDigest, int RootLevels, long AllocatedBytes, long ReadBytes, long WrittenBytes, long SentBytes, string Bottleneck, IReadOnlyList<StageSeconds> Stages)
{
    /// <summary>The point that a backup's request and reply make.</summary>
    public VmManifest ToManifest(WorkerRequest request, string point) => new()
    {
        PointId = point,
        ManagerId = "manager",
        VmId = request.DiskId,
        Created = TimeProvider.System.GetUtcNow(),
        JobId = $"job-{request.TaskId}",
        Disks =
        [
            new ManifestDisk
            {
                DiskId = request.DiskId,
                TaskId = request.TaskId,
                Root = new DiskRoot(new ChunkDigest(RootDigest), RootLevels, request.SizeBytes),
            },
        ],
    };
}

/// <summary>Time of one stage, summed over all that work in it.</summary>
internal sealed record StageSeconds(string Stage, double Busy, double Waiting);

/// <summary>A ticket to add; without a URL the daemon only answers where it listens.</summary>
internal sealed record ImageIoRequest(Guid Ticket, long SizeBytes, string? Url, bool Writable, bool Dirty);

internal sealed record ImageIoReply(int Port, string CaPem);
