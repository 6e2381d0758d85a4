// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Worker.Rescue;

internal sealed partial class PointRescue
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{Kind} {Digest} of {Disk} is damaged and came from repository {Repository}: {Outcome}")]
        private static partial void TakenByName(ILogger logger, FrameKind kind, string digest, string repository, string disk, string outcome);

        public static void TakenByName(ILogger logger, FrameKind kind, ChunkDigest digest, string repository, PointDiskOrder order, string outcome) =>
            TakenByName(logger, kind, digest.ToString(), repository, order.ToString(), outcome);

        [LoggerMessage(LogLevel.Warning, "Chunk {Digest} at {Offset} of {Disk} is damaged; its {Bytes} bytes came from repository {Repository}: {Outcome}")]
        private static partial void ChunkTaken(ILogger logger, string digest, long offset, long bytes, string disk, string repository, string outcome);

        public static void ChunkTaken(ILogger logger, ChunkDigest digest, long offset, long bytes, PointDiskOrder order, string repository, string outcome) =>
            ChunkTaken(logger, digest.ToString(), offset, bytes, order.ToString(), repository, outcome);

        [LoggerMessage(LogLevel.Warning, "{Bytes} bytes at {Offset} of {Disk} use a part of the damaged chunk {Digest}; they came from repository {Repository}")]
        private static partial void PartTaken(ILogger logger, string digest, long offset, long bytes, string disk, string repository);

        public static void PartTaken(ILogger logger, ChunkDigest digest, long offset, long bytes, PointDiskOrder order, string repository) =>
            PartTaken(logger, digest.ToString(), offset, bytes, order.ToString(), repository);

        [LoggerMessage(LogLevel.Warning, "The map of {Disk} is damaged at {Offset}+{Bytes}: the range comes from repository {Repository}")]
        private static partial void MapLost(ILogger logger, long offset, long bytes, string disk, string repository);

        public static void MapLost(ILogger logger, long offset, long bytes, PointDiskOrder order, string repository) =>
            MapLost(logger, offset, bytes, order.ToString(), repository);

        [LoggerMessage(LogLevel.Error, "Repository {Repository} is not asked for {Disk} any more: {Reason}")]
        private static partial void CopyRefused(ILogger logger, string repository, string disk, string reason);

        public static void CopyRefused(ILogger logger, string repository, PointDiskOrder order, string reason) =>
            CopyRefused(logger, repository, order.ToString(), reason);
    }
}
