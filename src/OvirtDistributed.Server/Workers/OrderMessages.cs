// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Jobs.Copy;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Server.Repositories;

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
            Mover = TargetOf(order.Mover, order.Key),
        };
        switch (order.Job.Kind)
        {
            case JobKind.Backup:
                message.Backup = BackupOf(order, TransferOf(order, options));
                break;
            case JobKind.Restore:
                message.Restore = RestoreOf(order, TransferOf(order, options));
                break;
            case JobKind.Copy:
                message.BytesPerSecond = order.Job.Copy!.BytesPerSecond;
                message.Copy = CopyOf(order, order.Job.Copy);
                break;
            case JobKind.Verify:
                message.BytesPerSecond = order.Job.Verify!.BytesPerSecond;
                message.Verify = new VerifyDiskOrder
                {
                    PointId = order.Job.PointId,
                    Root = RootOf(order.Source),
                    Repair = order.Job.Verify.Repair,
                    Copies = { CopiesOf(order) },
                };
                break;
        }

        return message;
    }

    private static MoverTarget TargetOf(MoverAddress mover, RepositoryKey? key) => new()
    {
        Address = mover.Address,
        Repository = mover.Repository,
        RepositoryKey = ByteString.CopyFrom(key is null ? [] : key.Secret),
        KeySetId = key?.KeySetId.ToString("D") ?? "",
    };

    private static AttachedDisk? AttachedOf(AttemptOrder order) => order.Transfer is null && order.Ssh is null && order.Export is null
        ? new AttachedDisk { Serial = order.DiskId.ToString("D") }
        : null;

    private static SshDisk? SshOf(SshOrder? order) => order is null ? null : new SshDisk
    {
        Host = order.Host.Address,
        Address = order.Address,
        Port = order.Settings.Port,
        User = order.Settings.User,
        PrivateKey = order.Settings.UsesPassword ? "" : order.Secret,
        Password = order.Settings.UsesPassword ? order.Secret : "",
        KnownHosts = order.Settings.KnownHosts,
        Sudo = order.Settings.Sudo,
        StorageRoot = order.Settings.StorageRoot,
        BackingFromHeader = order.BackingFromHeader,
        Chain =
        {
            order.Chain.Select(layer => new SshVolume
            {
                DataCenterId = order.DataCenterId.ToString("D"),
                StorageDomainId = layer.Volume.StorageDomainId.ToString("D"),
                DiskId = layer.Volume.DiskId.ToString("D"),
                VolumeId = layer.Volume.Id.ToString("D"),
                Format = layer.Volume.Format == "raw" ? "raw" : "qcow2",
                LogicalVolume = layer.OnBlock,
            }),
        },
    };

    private static ExportDisk? ExportOf(ExportOrder? order) => order is null ? null : new ExportDisk
    {
        StorageDomainId = order.DomainId.ToString("D"),
        Location = order.Location,
        VmId = order.VmId.ToString("D"),
        DiskId = order.DiskId.ToString("D"),
        VolumeId = order.VolumeId.ToString("D"),
        Format = order.Format == "raw" ? "raw" : "qcow2",
        Sparse = order.Sparse,
        Ovf = order.Ovf,
    };

    private static RestoreDiskOrder RestoreOf(AttemptOrder order, ImageTransferSource? source) => new()
    {
        AttachedDisk = AttachedOf(order),
        SshDisk = SshOf(order.Ssh),
        ExportDisk = ExportOf(order.Export),
        PointId = order.Job.Restore!.PointId,
        SourceDiskId = order.Task.DiskId.ToString("D"),
        ImageTransfer = source,
        TargetIsZero = order.Export is not null || order.Task.Plan!.ReadsAsZero,
        Differential = order.Task.Plan!.InPlaceDiskId is not null,
        VerifyChecksum = order.Job.Restore.Verify,
        Root = RootOf(order.Source),
        Copies = { CopiesOf(order) },
    };

    private static IEnumerable<PointCopy> CopiesOf(AttemptOrder order) => order.Copies.Select(copy => new PointCopy
    {
        Mover = TargetOf(copy.Mover, copy.Key),
        PointId = copy.PointId,
        Root = RootOf(copy.Disk),
        RepositoryName = copy.Repository,
    });

    private static CopyDiskOrder CopyOf(AttemptOrder order, CopyDetails details)
    {
        var origin = order.Origin!;
        var incremental = order.Task.Incremental && origin.BaseDisk is not null && order.Source is not null;
        return new CopyDiskOrder
        {
            Source = TargetOf(origin.Mover, origin.Key),
            SourcePointId = details.SourcePointId,
            SourceRoot = RootOf(origin.Disk),
            SourceBasePointId = incremental ? details.SourceBasePointId : "",
            SourceBaseRoot = incremental ? RootOf(origin.BaseDisk) : null,
            Target = new BackupDiskOrder
            {
                TransportMode = "copy",
                Incremental = incremental,
                EngineBackupId = $"copy-{details.SourcePointId}",
                BasePointId = incremental ? details.BasePointId : "",
                BaseRoot = RootOf(order.Source),
            },
        };
    }

    private static BackupDiskOrder BackupOf(AttemptOrder order, ImageTransferSource? source)
    {
        var details = order.Job.Backup!;
        return new BackupDiskOrder
        {
            TransportMode = details.TransportMode,
            Incremental = order.Task.Incremental,
            EngineBackupId = details.EngineBackupId!.Value.ToString("D"),
            BasePointId = order.Task.Incremental ? details.BasePointId ?? "" : "",
            ImageTransfer = source,
            AttachedDisk = AttachedOf(order),
            SshDisk = SshOf(order.Ssh),
            ExportDisk = ExportOf(order.Export),
            Volume = order.Volume is not { } volume ? null : new VolumeFile
            {
                VolumeId = volume.File.Id.ToString("D"),
                Format = volume.File.Format == "raw" ? "raw" : "qcow2",
                ExpectedParentId = volume.ExpectedParentId is { } parent ? parent.ToString("D") : "",
            },
            BaseRoot = RootOf(order.Source),
            Compression = details.Compression switch
            {
                "fast" => Compression.Fast,
                "dense" => Compression.Dense,
                "none" => Compression.None,
                _ => Compression.Default,
            },
        };
    }

    private static DiskRoot? RootOf(RestorePointDisk? point) => point is not { } disk
        ? null
        : new DiskRoot { Digest = ByteString.CopyFrom(disk.RootDigest), Levels = disk.RootLevels, SizeBytes = disk.SizeBytes };

    private static ImageTransferSource? TransferOf(AttemptOrder order, ServerOptions options) => order.Transfer is null ? null : new ImageTransferSource
    {
        TransferUrl = order.Transfer.TransferUrl ?? "",
        ProxyUrl = order.Transfer.ProxyUrl ?? "",
        HostCaPem = order.Access!.HostCaPem,
        ProxyCaPem = order.Access!.ProxyCaPem,
        MaxConnections = options.TransferConnections,
        InactivityTimeout = options.TransferInactivity.ToDuration(),
        HostAddresses = { order.Access!.HostAddresses.ToDictionary() },
    };
}
