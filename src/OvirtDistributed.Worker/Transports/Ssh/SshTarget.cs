// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Worker.Restore;

namespace OvirtDistributed.Worker.Transports.Ssh;

/// <summary>A disk written through a host.</summary>
internal sealed class SshTarget(SshDiskClient client) : IReadableTarget
{
    public int Connections => SshDiskClient.Requests;

    public string Route => "ssh";

    public bool CanZero => true;

    public bool CanChecksum => true;

    public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) => client.ReadAsync(offset, destination, cancellationToken);

    public Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) => client.WriteAsync(offset, data, cancellationToken);

    public Task ZeroAsync(long offset, long length, CancellationToken cancellationToken) => client.ZeroAsync(offset, length, cancellationToken);

    public Task FlushAsync(CancellationToken cancellationToken) => client.FlushAsync(cancellationToken);

    public Task<long> GetSizeAsync(CancellationToken cancellationToken) => Task.FromResult(client.SizeBytes);

    /// <summary>Reads the whole disk back; the host's server keeps nothing of it in memory.</summary>
    public async Task<string?> ChecksumAsync(string algorithm, int blockBytes, CancellationToken cancellationToken)
    {
        if (blockBytes != BlockDigest.BlockBytes || !BlockDigest.Algorithms.Contains(algorithm))
        {
            return null;
        }

        using var digest = new BlockDigest(algorithm);
        var (block, next) = (new byte[blockBytes], new byte[blockBytes]);
        var reading = ReadBlockAsync(0, next, cancellationToken);
        for (var offset = 0L; offset < client.SizeBytes; offset += blockBytes)
        {
            var length = await reading;
            (block, next) = (next, block);
            reading = ReadBlockAsync(offset + blockBytes, next, cancellationToken);
            var part = block.AsSpan(0, length);
            if (part.ContainsAnyExcept((byte)0))
            {
                digest.Add(part);
            }
            else
            {
                digest.AddZeroes(length);
            }
        }

        _ = await reading;
        return digest.Finish();
    }

    public ValueTask DisposeAsync() => client.DisposeAsync();

    /// <returns>Bytes of the block that are on the disk.</returns>
    private async Task<int> ReadBlockAsync(long offset, Memory<byte> block, CancellationToken cancellationToken)
    {
        var length = (int)Math.Clamp(client.SizeBytes - offset, 0, block.Length);
        var part = (length + SshDiskClient.Requests - 1) / SshDiskClient.Requests;
        var reads = new List<Task>();
        for (var done = 0; done < length; done += part)
        {
            reads.Add(client.ReadAsync(offset + done, block.Slice(done, Math.Min(part, length - done)), cancellationToken));
        }

        await Task.WhenAll(reads);
        return length;
    }
}
