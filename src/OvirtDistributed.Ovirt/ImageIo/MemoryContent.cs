// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>A request body of known length straight from the caller's memory: never chunked, which the daemon refuses, and never copied.</summary>
internal sealed class MemoryContent(ReadOnlyMemory<byte> data, IdleGuard guard) : HttpContent
{
    // Small enough that a slow link shows progress well within the idle time, large enough not to matter.
    private const int PieceBytes = 256 * 1024;

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        for (var rest = data; rest.Length > 0; rest = rest[Math.Min(PieceBytes, rest.Length)..])
        {
            await stream.WriteAsync(rest[..Math.Min(PieceBytes, rest.Length)], cancellationToken);
            guard.Progress();
        }
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override bool TryComputeLength(out long length)
    {
        length = data.Length;
        return true;
    }
}
