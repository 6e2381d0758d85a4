// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Points;

/// <summary>One disk of a restore point.</summary>
public sealed record ManifestDisk
{
    /// <summary>The disk's id at the manager.</summary>
    public required string DiskId { get; init; }

    public string Alias { get; init; } = "";

    /// <summary>The task that moved it; its journal ends with the commit.</summary>
    public string? TaskId { get; init; }

    /// <summary>The extent map; its size is the disk's virtual size.</summary>
    public required DiskRoot Root { get; init; }

    /// <summary>The format at the source, for example "cow" or "raw".</summary>
    public string? Format { get; init; }

    /// <summary>Whether the source was thin provisioned.</summary>
    public bool? Sparse { get; init; }

    /// <summary>Type and id of the storage domain it came from.</summary>
    public string? StorageType { get; init; }

    public string? StorageDomainId { get; init; }

    public string? Interface { get; init; }

    public bool Bootable { get; init; }

    /// <summary>How it was read: full or incremental. Disks of one point may differ.</summary>
    public PointKind Kind { get; init; }

    /// <summary>The point whose map was the base, if any: a record, never needed to read.</summary>
    public string? BasePointId { get; init; }

    /// <summary>Why a full read was made where an incremental was wanted.</summary>
    public string? FallbackReason { get; init; }

    /// <summary>Figures by name, for example bytes read, bytes sent, chunks new, chunks shared.</summary>
    public IReadOnlyDictionary<string, long> Statistics { get; init; } = new Dictionary<string, long>();

    /// <summary>Further facts about the disk, by name.</summary>
    public IReadOnlyDictionary<string, string> Properties { get; init; } = new Dictionary<string, string>();
}
