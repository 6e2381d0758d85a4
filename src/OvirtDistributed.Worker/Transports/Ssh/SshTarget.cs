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
    public Task<string?> ChecksumAsync(string algorithm, int blockBytes, CancellationToken cancellationToken) =>
        ReadBack.ChecksumAsync(this, algorithm, blockBytes, cancellationToken);

    public ValueTask DisposeAsync() => client.DisposeAsync();
}
