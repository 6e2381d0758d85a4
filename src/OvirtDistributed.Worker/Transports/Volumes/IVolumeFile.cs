// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>The bytes of one layer of a disk as storage keeps them: a raw or a qcow2 file, read at any place.</summary>
internal interface IVolumeFile : IAsyncDisposable
{
    /// <summary>Size of the file, not of the disk that is in it.</summary>
    long SizeBytes { get; }

    /// <summary>How many reads may be in flight.</summary>
    int Connections { get; }

    /// <summary>Fills the destination; all of it lies within <see cref="SizeBytes"/>. Safe for concurrent calls.</summary>
    /// <exception cref="Execution.TaskFailureException">It cannot be read.</exception>
    Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken);
}
