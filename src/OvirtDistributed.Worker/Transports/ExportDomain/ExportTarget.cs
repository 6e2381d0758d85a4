// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Restore;

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>A new volume in an export domain. Hosts take it for good only once it was flushed.</summary>
internal sealed class ExportTarget(IExportImage image, VolumeMetadata metadata) : IDiskTarget
{
    public int Connections => ExportDomainDisks.Requests;

    public string Route => ExportDomainDisks.Route;

    public bool CanZero => true;

    public bool CanChecksum => true;

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
    public async Task<string?> ChecksumAsync(string algorithm, int blockBytes, CancellationToken cancellationToken)
    {
        if (blockBytes != BlockDigest.BlockBytes || !BlockDigest.Algorithms.Contains(algorithm))
        {
            return null;
        }

        using var digest = new BlockDigest(algorithm);
        var block = new byte[blockBytes];
        for (var offset = 0L; offset < image.SizeBytes; offset += blockBytes)
        {
            var part = block.AsMemory(0, (int)Math.Min(blockBytes, image.SizeBytes - offset));
            await image.ReadAsync(offset, part, cancellationToken);
            if (part.Span.ContainsAnyExcept((byte)0))
            {
                digest.Add(part.Span);
            }
            else
            {
                digest.AddZeroes(part.Length);
            }
        }

        return digest.Finish();
    }

    public ValueTask DisposeAsync() => image.DisposeAsync();
}
