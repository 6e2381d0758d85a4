// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Leases;

namespace OvirtDistributed.Server.Workers;

/// <summary>The order a worker gets for an attempt. Holds credentials: never logged.</summary>
internal static class OrderMessages
{
    public static TaskOrder ToWire(AttemptOrder order, LeaseClaim claim, ServerOptions options)
    {
        var message = new TaskOrder
        {
            JobId = order.Job.Id.ToString("D"),
            TaskId = order.Task.Id.ToString("D"),
            Attempt = claim.Attempt,
            FencingToken = claim.FencingToken,
            VmName = order.Job.VmName,
            DiskId = order.DiskId.ToString("D"),
            DiskAlias = order.Task.DiskAlias,
            DiskSizeBytes = order.Task.SizeBytes,
            Mover = new MoverTarget
            {
                Address = order.Mover.Address,
                Repository = order.Mover.Repository,
                RepositoryKey = ByteString.CopyFrom(order.Key is null ? [] : order.Key.Secret),
                KeySetId = order.Key?.KeySetId.ToString("D") ?? "",
            },
        };
        var source = TransferOf(order, options);
        if (order.Job.Kind == JobKind.Backup)
        {
            message.Backup = BackupOf(order, source);
        }
        else
        {
            message.Restore = new RestoreDiskOrder
            {
                PointId = order.Job.Restore!.PointId,
                SourceDiskId = order.Task.DiskId.ToString("D"),
                ImageTransfer = source,
                TargetIsZero = order.Task.Plan!.ReadsAsZero,
                VerifyChecksum = order.Job.Restore.Verify,
                Root = RootOf(order),
            };
        }

        return message;
    }

    private static BackupDiskOrder BackupOf(AttemptOrder order, ImageTransferSource source)
    {
        var details = order.Job.Backup!;
        return new BackupDiskOrder
        {
            TransportMode = BackupDetails.TransportMode,
            Incremental = order.Task.Incremental,
            EngineBackupId = details.EngineBackupId!.Value.ToString("D"),
            BasePointId = order.Task.Incremental ? details.BasePointId ?? "" : "",
            ImageTransfer = source,
            BaseRoot = RootOf(order),
            Compression = details.Compression switch
            {
                "fast" => Compression.Fast,
                "dense" => Compression.Dense,
                "none" => Compression.None,
                _ => Compression.Default,
            },
        };
    }

    private static DiskRoot? RootOf(AttemptOrder order) => order.Source is not { } disk
        ? null
        : new DiskRoot { Digest = ByteString.CopyFrom(disk.RootDigest), Levels = disk.RootLevels, SizeBytes = disk.SizeBytes };

    private static ImageTransferSource TransferOf(AttemptOrder order, ServerOptions options) => new()
    {
        TransferUrl = order.Transfer.TransferUrl ?? "",
        ProxyUrl = order.Transfer.ProxyUrl ?? "",
        HostCaPem = order.Access.HostCaPem,
        ProxyCaPem = order.Access.ProxyCaPem,
        MaxConnections = options.TransferConnections,
        InactivityTimeout = options.TransferInactivity.ToDuration(),
        HostAddresses = { order.Access.HostAddresses.ToDictionary() },
    };
}
