// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Transports;

namespace OvirtDistributed.Worker.Restore;

/// <summary>Reads what a disk holds before it is written, and writes only what differs. The disk under it belongs to the caller.</summary>
/// <param name="disk">The disk.</param>
/// <param name="meter">Is told what was read and what was written.</param>
internal sealed class DifferentialTarget(IReadableTarget disk, TransferMeter meter) : IDiskTarget
{
    // What differs by a byte is written as this much; ranges that differ side by side go in one write.
    private const int Grain = 64 << 10;

    private const int PieceBytes = 1 << 20;

    private static readonly byte[] Zeroes = new byte[PieceBytes];

    public int Connections => disk.Connections;

    public string Route => disk.Route;

    public bool CanZero => true;

    public bool CountsWrites => true;

    public bool CanChecksum => disk.CanChecksum;

    public async Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        var held = ArrayPool<byte>.Shared.Rent(Math.Min(PieceBytes, data.Length));
        try
        {
            for (var done = 0; done < data.Length; done += PieceBytes)
            {
                var wanted = data.Slice(done, Math.Min(PieceBytes, data.Length - done));
                await WritePieceAsync(offset + done, wanted, held.AsMemory(0, wanted.Length), isZero: false, cancellationToken);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(held);
        }
    }

    public async Task ZeroAsync(long offset, long length, CancellationToken cancellationToken)
    {
        var held = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            for (var done = 0L; done < length; done += PieceBytes)
            {
                var bytes = (int)Math.Min(PieceBytes, length - done);
                await WritePieceAsync(offset + done, Zeroes.AsMemory(0, bytes), held.AsMemory(0, bytes), isZero: true, cancellationToken);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(held);
        }
    }

    public Task FlushAsync(CancellationToken cancellationToken) => disk.FlushAsync(cancellationToken);

    public Task<long> GetSizeAsync(CancellationToken cancellationToken) => disk.GetSizeAsync(cancellationToken);

    public Task<string?> ChecksumAsync(string algorithm, int blockBytes, CancellationToken cancellationToken) => disk.ChecksumAsync(algorithm, blockBytes, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task WritePieceAsync(long offset, ReadOnlyMemory<byte> wanted, Memory<byte> held, bool isZero, CancellationToken cancellationToken)
    {
        await disk.ReadAsync(offset, held, cancellationToken);
        meter.AddRead(held.Length);
        for (var at = 0; at < wanted.Length;)
        {
            var from = NextDifferent(wanted.Span, held.Span, at, differs: true);
            var to = NextDifferent(wanted.Span, held.Span, from, differs: false);
            at = to;
            if (to == from)
            {
                break;
            }

            meter.AddWritten(to - from);
            await (isZero && disk.CanZero
                ? disk.ZeroAsync(offset + from, to - from, cancellationToken)
                : disk.WriteAsync(offset + from, wanted[from..to], cancellationToken));
        }
    }

    /// <summary>The first grain from here on that differs, or that does not; the end when there is none.</summary>
    private static int NextDifferent(ReadOnlySpan<byte> wanted, ReadOnlySpan<byte> held, int from, bool differs)
    {
        for (var at = from; at < wanted.Length; at += Grain)
        {
            var length = Math.Min(Grain, wanted.Length - at);
            if (!wanted.Slice(at, length).SequenceEqual(held.Slice(at, length)) == differs)
            {
                return at;
            }
        }

        return wanted.Length;
    }
}
