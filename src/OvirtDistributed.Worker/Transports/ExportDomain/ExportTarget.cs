// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Restore;

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>A new volume in an export domain. Hosts take it for good only once it was flushed.</summary>
internal sealed class ExportTarget(IExportImage image, VolumeMetadata metadata) : IReadableTarget
{
    public int Connections => ExportDomainDisks.Requests;

    public string Route => ExportDomainDisks.Route;

    public bool CanZero => true;

    public bool CanChecksum => true;

    public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) => image.ReadAsync(offset, destination, cancellationToken);

    public Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) => image.WriteAsync(offset, data, cancellationToken);

    public Task ZeroAsync(long offset, long length, CancellationToken cancellationToken) => image.ZeroAsync(offset, length, cancellationToken);

    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        await image.FlushAsync(cancellationToken);
        try
        {
            metadata.Write(legal: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TaskFailureException(FailureCode.TargetFailed, $"The metadata of the volume could not be written: {failure.Message}", failure);
        }
    }

    public Task<long> GetSizeAsync(CancellationToken cancellationToken) => Task.FromResult(image.SizeBytes);

    /// <summary>Reads the whole volume back.</summary>
    public Task<string?> ChecksumAsync(string algorithm, int blockBytes, CancellationToken cancellationToken) =>
        ReadBack.ChecksumAsync(this, algorithm, blockBytes, cancellationToken);

    public ValueTask DisposeAsync() => image.DisposeAsync();
}
