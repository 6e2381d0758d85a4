// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>A volume in an export domain, whatever its format, by the bytes of its disk. Failures come as <see cref="Execution.TaskFailureException"/>; safe for concurrent use.</summary>
internal interface IExportImage : IAsyncDisposable
{
    long SizeBytes { get; }

    IAsyncEnumerable<SourceExtent> ListExtentsAsync(CancellationToken cancellationToken);

    Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken);

    Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken);

    Task ZeroAsync(long offset, long length, CancellationToken cancellationToken);

    /// <summary>Makes durable what was written.</summary>
    Task FlushAsync(CancellationToken cancellationToken);
}
