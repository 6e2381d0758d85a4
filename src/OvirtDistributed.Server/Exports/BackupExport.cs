// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Exports;

/// <summary>A backup's way through an export domain.</summary>
/// <param name="DomainId">The export domain.</param>
/// <param name="DomainName">Its name.</param>
/// <param name="Location"><c>address:path</c>, as hosts mount it.</param>
/// <param name="WorkerClusterId">Whose workers read it.</param>
internal sealed record BackupExport(Guid DomainId, string DomainName, string Location, Guid WorkerClusterId)
{
    /// <summary>The VM that was cloned of the snapshot, and is exported under this id.</summary>
    public Guid? CloneId { get; init; }

    /// <summary>Disk id → its copy.</summary>
    public IReadOnlyDictionary<Guid, ExportedImage> Images { get; init; } = new Dictionary<Guid, ExportedImage>();
}

/// <summary>An image as it lies in an export domain; cow or raw.</summary>
internal sealed record ExportedImage(Guid DiskId, Guid VolumeId, string Format);
