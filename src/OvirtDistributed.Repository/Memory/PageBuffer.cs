// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Runtime.InteropServices;

namespace OvirtDistributed.Repository.Memory;

/// <summary>
/// Memory straight from the kernel, beginning at a page: what direct I/O asks for, and given back to the kernel the moment it is freed. Large arrays
/// stay with the process instead: the large object heap grew to the sum of what its backups and restores had needed, each at its own time.
/// </summary>
/// <remarks>
/// One owner, who disposes it when nobody reads or writes it any more: later use of a span of it ends the process. Forgotten, it stays until the process ends.
/// </remarks>
public sealed unsafe partial class PageBuffer : MemoryManager<byte>
{
    /// <summary>Where buffers begin and what direct I/O is a multiple of.</summary>
    public const int PageBytes = 4096;

    private const int ReadAndWrite = 0x1 | 0x2; // PROT_READ | PROT_WRITE
    private const int PrivateAnonymous = 0x2 | 0x20; // MAP_PRIVATE | MAP_ANONYMOUS

    private nint _start;

    /// <param name="length">Bytes, at least 1. The kernel rounds up to pages, and gives memory only to those that are touched.</param>
    /// <exception cref="IOException">The kernel has none.</exception>
    public PageBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        Length = length;
        var start = Map(0, (nuint)length, ReadAndWrite, PrivateAnonymous, -1, 0);
        _start = start != -1
            ? start
            : throw new IOException($"A buffer of {length} bytes: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");
    }

    /// <summary>Bytes.</summary>
    public int Length { get; }

    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_start == 0, this);
        return new Span<byte>((void*)_start, Length);
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ObjectDisposedException.ThrowIf(_start == 0, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)Length);
        return new MemoryHandle((void*)(_start + elementIndex), default, this);
    }

    public override void Unpin()
    {
        // It never moves.
    }

    /// <summary>Whether direct I/O can be made with these bytes: they begin at a page of such a buffer and are whole pages.</summary>
    public static bool IsAligned(ReadOnlyMemory<byte> bytes) =>
        bytes.Length % PageBytes == 0
        && MemoryMarshal.TryGetMemoryManager<byte, PageBuffer>(bytes, out _, out var start, out _)
        && start % PageBytes == 0;

    protected override void Dispose(bool disposing)
    {
        var start = Interlocked.Exchange(ref _start, 0);
        if (start != 0)
        {
            _ = Unmap(start, (nuint)Length);
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint at, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint at, nuint length);
}
