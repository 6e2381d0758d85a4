// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Leases;

/// <summary>The disk that is copied: its repository, its root and, where the copy builds on an earlier one, the root of the earlier point.</summary>
internal sealed record CopyOrigin(MoverAddress Mover, RepositoryKey? Key, RestorePointDisk Disk, RestorePointDisk? BaseDisk)
{
    public override string ToString() => $"CopyOrigin {Mover}";
}

/// <summary>A layer whose file is open.</summary>
/// <param name="File">Which.</param>
/// <param name="ExpectedParentId">Incremental: what it must stand on.</param>
internal sealed record VolumeOrder(EngineVolumeFile File, Guid? ExpectedParentId);

/// <summary>Everything a worker needs for one attempt. Holds URLs that are credentials.</summary>
internal sealed record AttemptOrder(Jobs.Job Job, Jobs.DiskTask Task, Guid DiskId, MoverAddress Mover, EngineTransfer? Transfer, EngineAccess? Access)
{
    /// <summary>The key of an encrypted repository.</summary>
    public RepositoryKey? Key { get; init; }

    /// <summary>Transport mode ssh: the host and the disk's layers.</summary>
    public SshOrder? Ssh { get; init; }

    /// <summary>Transport mode export-domain: the image there.</summary>
    public ExportOrder? Export { get; init; }

    /// <summary>The transfer gives the file of this layer.</summary>
    public VolumeOrder? Volume { get; init; }

    /// <summary>Backup: the disk in the base point. Restore: the disk in the restore point. As the authenticated manifest says.</summary>
    public RestorePointDisk? Source { get; init; }

    /// <summary>Copy: where the disk is read from.</summary>
    public CopyOrigin? Origin { get; init; }

    /// <summary>Restore, verification that repairs: where else the disk is, best first.</summary>
    public IReadOnlyList<DiskCopySource> Copies { get; init; } = [];

    public override string ToString() => $"AttemptOrder of task {Task.Id} attempt {Task.Attempt}";
}
