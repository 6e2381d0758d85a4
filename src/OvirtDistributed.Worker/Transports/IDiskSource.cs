// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports;

/// <summary>A range of a disk as the source describes it.</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes.</param>
/// <param name="IsZero">Reads as zeroes.</param>
/// <param name="IsDirty">Changed since the checkpoint; only in lists of changes.</param>
internal readonly record struct SourceExtent(long Offset, long Length, bool IsZero, bool IsDirty)
{
    public long End => Offset + Length;
}

/// <summary>
/// The disk of a backup, opened for reading at one point in time. Failures come as <see cref="Execution.TaskFailureException"/>.
/// It keeps itself alive while nobody reads. Disposing it closes every connection before it returns.
/// </summary>
internal interface IDiskSource : IAsyncDisposable
{
    /// <summary>Size of the image in bytes.</summary>
    long SizeBytes { get; }

    /// <summary>How many reads may be in flight.</summary>
    int Connections { get; }

    /// <summary>Which way the data comes: direct or proxy.</summary>
    string Route { get; }

    /// <summary>
    /// False for a source that gives what changed and nothing else, such as a single layer of a disk: whatever else is read from it would be zeroes
    /// that are not on the disk.
    /// </summary>
    bool ReadsUnchanged { get; }

    /// <summary>All extents, ascending and without gaps from 0 to <see cref="SizeBytes"/>. May take long to start, and is consumed quickly.</summary>
    IAsyncEnumerable<SourceExtent> ListExtentsAsync(bool changes, CancellationToken cancellationToken);

    /// <summary>Fills the destination from the image. Safe for concurrent calls, up to <see cref="Connections"/>.</summary>
    Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken);
}
