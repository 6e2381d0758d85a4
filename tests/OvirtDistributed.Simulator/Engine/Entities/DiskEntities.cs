// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Engine.Entities;

internal sealed class Disk : Entity
{
    public required Guid StorageDomainId { get; set; }

    public Guid? DiskProfileId { get; set; }

    /// <summary>raw or cow.</summary>
    public required string Format { get; set; }

    public required bool Sparse { get; set; }

    public required long ProvisionedSize { get; set; }

    public long? InitialSize { get; set; }

    /// <summary>none or incremental.</summary>
    public string Backup { get; set; } = "none";

    public string ContentType { get; set; } = "data";

    /// <summary>image or lun.</summary>
    public string StorageType { get; set; } = "image";

    public string Status { get; set; } = DiskStatus.Locked;

    public bool Shareable { get; set; }

    public bool WipeAfterDelete { get; set; }

    public bool PropagateErrors { get; set; }

    public DateTimeOffset CreationDate { get; init; }

    /// <summary>The chain, base first, the active volume last.</summary>
    public List<Volume> Volumes { get; } = [];

    /// <summary>Set between acceptance of its deletion and its end.</summary>
    public bool Removing { get; set; }

    public Volume Active => Volumes[^1];

    public bool IsCow => Format == "cow";

    /// <summary>Without the one of the template it stands on.</summary>
    public IEnumerable<Volume> OwnVolumes => Volumes.Where(v => v.TemplateDisk is null);

    public bool HasSnapshots => OwnVolumes.Count() > 1;

    public long ActualSize => OwnVolumes.Sum(v => v.ActualSize);
}

/// <summary>Disk status words on the wire.</summary>
internal static class DiskStatus
{
    public const string Ok = "ok";
    public const string Locked = "locked";
    public const string Illegal = "illegal";
}

/// <summary>One layer of a disk.</summary>
internal sealed class Volume
{
    public required Guid ImageId { get; init; }

    public Guid? ParentId { get; set; }

    /// <summary>The template's disk that it is a volume of.</summary>
    public Guid? TemplateDisk { get; init; }

    public required string Format { get; set; }

    public required bool Sparse { get; set; }

    public long ActualSize { get; set; }

    public string Status { get; set; } = DiskStatus.Ok;
}
