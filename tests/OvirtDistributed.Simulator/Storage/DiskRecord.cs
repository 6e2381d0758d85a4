// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;

namespace OvirtDistributed.Simulator.Storage;

/// <summary>One volume of a disk. <see cref="Bitmaps"/> are the checkpoints whose bitmap this layer must hold: one that is not there has been lost.</summary>
internal sealed record LayerRecord
{
    public required Guid ImageId { get; init; }

    /// <summary>Name of the data file; the volume's name in the directory is a link to it, so that merged data can change its image id.</summary>
    public required string File { get; init; }

    public required VolumeFormat Format { get; init; }

    public required bool Sparse { get; init; }

    public required long VirtualSizeBytes { get; init; }

    public required IReadOnlyList<Guid> Bitmaps { get; init; }

    /// <summary>The template's disk whose volume this is, linked into the directory of the disk that stands on it.</summary>
    public Guid? TemplateDisk { get; init; }
}

/// <summary>
/// What is known of a disk beyond its files, kept as <c>disk.json</c> beside them. Invariants:
/// 1. <see cref="Layers"/> is base first; each layer's header names its parent's image id as backing file.
/// 2. Only the last checkpoint's bitmap in the last layer records; every other bitmap is disabled.
/// 3. Blocks written since checkpoint X are the union, over all layers, of the bitmaps of X and of every later checkpoint.
/// </summary>
internal sealed record DiskRecord
{
    private const string FileName = "disk.json";
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public required Guid DiskId { get; init; }

    public required IReadOnlyList<LayerRecord> Layers { get; init; }

    /// <summary>Oldest first.</summary>
    public required IReadOnlyList<Guid> Checkpoints { get; init; }

    /// <summary>Number of the next data file; never used twice.</summary>
    public required int NextFile { get; init; }

    public LayerRecord Active => Layers[^1];

    public Guid? LastCheckpoint => Checkpoints.Count == 0 ? null : Checkpoints[^1];

    public int IndexOf(Guid imageId)
    {
        for (var i = 0; i < Layers.Count; i++)
        {
            if (Layers[i].ImageId == imageId)
            {
                return i;
            }
        }

        throw new StorageException(StorageFailure.NotFound, $"Disk {DiskId} has no volume {imageId}.");
    }

    public static DiskRecord? Load(string directory)
    {
        var file = Path.Combine(directory, FileName);
        return File.Exists(file) ? JsonSerializer.Deserialize<DiskRecord>(File.ReadAllBytes(file)) : null;
    }

    /// <summary>Replaces the stored record in one step.</summary>
    public void Save(string directory)
    {
        var file = Path.Combine(directory, FileName);
        File.WriteAllBytes(file + ".new", JsonSerializer.SerializeToUtf8Bytes(this, Indented));
        File.Move(file + ".new", file, overwrite: true);
    }
}
