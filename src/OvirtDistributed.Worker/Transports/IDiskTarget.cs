// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports;

/// <summary>A target that can be read while it is written.</summary>
internal interface IReadableTarget : IDiskTarget
{
    /// <summary>Fills the destination with what the disk holds.</summary>
    Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken);
}

/// <summary>
/// A disk a restore writes to. Failures come as <see cref="Execution.TaskFailureException"/>.
/// It keeps itself alive while nobody writes. Disposing it closes every connection before it returns.
/// </summary>
internal interface IDiskTarget : IAsyncDisposable
{
    /// <summary>How many writes may be in flight.</summary>
    int Connections { get; }

    /// <summary>Which way the data goes: direct or proxy.</summary>
    string Route { get; }

    /// <summary>True when <see cref="ZeroAsync"/> works; else zeroes have to be written.</summary>
    bool CanZero { get; }

    /// <summary>True when the target itself tells the meter what it wrote, because that may be less than it was given.</summary>
    bool CountsWrites => false;

    /// <summary>True when <see cref="ChecksumAsync"/> works.</summary>
    bool CanChecksum { get; }

    /// <summary>Writes at an offset. Durable only after <see cref="FlushAsync"/>.</summary>
    Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken);

    /// <summary>Makes a range read as zeroes. Durable only after <see cref="FlushAsync"/>.</summary>
    Task ZeroAsync(long offset, long length, CancellationToken cancellationToken);

    /// <summary>Makes everything durable. Called when no write is running.</summary>
    Task FlushAsync(CancellationToken cancellationToken);

    /// <summary>Size of the image in bytes.</summary>
    Task<long> GetSizeAsync(CancellationToken cancellationToken);

    /// <summary>The other side's digest over the digests of the image's blocks, in lower-case hexadecimal; null when it does not know the algorithm.</summary>
    Task<string?> ChecksumAsync(string algorithm, int blockBytes, CancellationToken cancellationToken);
}
