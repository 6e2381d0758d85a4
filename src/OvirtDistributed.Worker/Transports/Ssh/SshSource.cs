// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.Ssh;

/// <summary>
/// A snapshot's disk read through a host, with all layers. What changed since the snapshot below is what the top layer holds, and the server tells that; everything else can be
/// read all the same.
/// </summary>
internal sealed class SshSource(SshDiskClient client) : IDiskSource
{
    // Chunks are cut at multiples of this.
    private const int PageBytes = 4096;

    public long SizeBytes => client.SizeBytes;

    public int Connections => SshDiskClient.Requests;

    public string Route => "ssh";

    public bool ReadsUnchanged => true;

    public async IAsyncEnumerable<SourceExtent> ListExtentsAsync(bool changes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var extent in client.ReadExtentsAsync(cancellationToken))
        {
            if (changes && extent.Depth is null)
            {
                throw new TaskFailureException(FailureCode.DirtyExtentsUnavailable, "The host's qemu-nbd cannot tell which layer holds what (5.2 and later can).");
            }

            if (changes && extent.Offset % PageBytes != 0)
            {
                throw new TaskFailureException(
                    FailureCode.DirtyExtentsUnavailable, $"The snapshot's layer has an extent at byte {extent.Offset}, which is no multiple of {PageBytes}: what changed cannot be told from what did not.");
            }

            yield return new SourceExtent(extent.Offset, extent.Length, extent.IsZero, IsDirty: extent.Depth == 1);
        }
    }

    public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) => client.ReadAsync(offset, destination, cancellationToken);

    public ValueTask DisposeAsync() => client.DisposeAsync();
}
