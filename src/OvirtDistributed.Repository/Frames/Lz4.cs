// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace OvirtDistributed.Repository.Frames;

/// <summary>liblz4, the block functions of its stable API (lz4.h).</summary>
internal static partial class Lz4
{
    private const string Library = "liblz4.so.1";

    [LibraryImport(Library, EntryPoint = "LZ4_compressBound")]
    public static partial int Bound(int length);

    /// <summary>Bytes written, or 0 when the destination is too small.</summary>
    [LibraryImport(Library, EntryPoint = "LZ4_compress_default")]
    public static partial int Compress(ReadOnlySpan<byte> source, Span<byte> destination, int length, int capacity);

    /// <summary>Bytes written, or a negative number when the block is malformed.</summary>
    [LibraryImport(Library, EntryPoint = "LZ4_decompress_safe")]
    public static partial int Decompress(ReadOnlySpan<byte> source, Span<byte> destination, int length, int capacity);
}
