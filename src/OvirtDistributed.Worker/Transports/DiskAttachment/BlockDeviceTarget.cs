// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Worker.Restore;

namespace OvirtDistributed.Worker.Transports.DiskAttachment;

/// <summary>A disk written as a local block device.</summary>
internal sealed class BlockDeviceTarget(BlockDevice device) : IReadableTarget
{
    private const int RequestsInFlight = 8;

    public int Connections => RequestsInFlight;

    public string Route => "device";

    public bool CanZero => true;

    public bool CanChecksum => true;

    public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) => device.ReadAsync(offset, destination, cancellationToken);

    public Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) => device.WriteAsync(offset, data, cancellationToken);

    public Task ZeroAsync(long offset, long length, CancellationToken cancellationToken) => Task.Run(() => device.Zero(offset, length), cancellationToken);

    public Task FlushAsync(CancellationToken cancellationToken) => Task.Run(device.Flush, cancellationToken);

    public Task<long> GetSizeAsync(CancellationToken cancellationToken) => Task.FromResult(device.SizeBytes);

    /// <summary>Reads the whole device back; after the flush nothing of it is in memory any more.</summary>
    public async Task<string?> ChecksumAsync(string algorithm, int blockBytes, CancellationToken cancellationToken)
    {
        if (blockBytes != BlockDigest.BlockBytes || !BlockDigest.Algorithms.Contains(algorithm))
        {
            return null;
        }

        using var digest = new BlockDigest(algorithm);
        var block = new byte[blockBytes];
        for (var offset = 0L; offset < device.SizeBytes; offset += blockBytes)
        {
            var part = block.AsMemory(0, (int)Math.Min(blockBytes, device.SizeBytes - offset));
            await device.ReadAsync(offset, part, cancellationToken);
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

    public ValueTask DisposeAsync()
    {
        device.Dispose();
        return ValueTask.CompletedTask;
    }
}
