// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace OvirtDistributed.Repository.Digests;

/// <summary>The 32 byte name of a frame's plain content and kind (invariant 5). A value, never boxed on the hot path.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly struct ChunkDigest : IEquatable<ChunkDigest>, IComparable<ChunkDigest>
{
    /// <summary>Length in bytes.</summary>
    public const int Size = 32;

    // In memory exactly the 32 bytes: spans of digests are written to and read from files without conversion.
    private readonly ulong _a;
    private readonly ulong _b;
    private readonly ulong _c;
    private readonly ulong _d;

    /// <summary>Takes the first 32 bytes of <paramref name="bytes"/>.</summary>
    /// <exception cref="RepositoryException">There are fewer than 32 bytes.</exception>
    public ChunkDigest(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Size)
        {
            throw RepositoryException.Invalid($"digest: {bytes.Length} bytes given, {Size} needed");
        }

        this = MemoryMarshal.Read<ChunkDigest>(bytes);
    }

    /// <summary>The reserved name of a map page or node without any data (all zero). Never the digest of stored content.</summary>
    public static ChunkDigest Zero => default;

    /// <summary>True for <see cref="Zero"/>.</summary>
    public bool IsZero => (_a | _b | _c | _d) == 0;

    /// <summary>The first 8 bytes as a number that sorts like the bytes: with <see cref="KeyLow"/> the key of the index.</summary>
    internal ulong KeyHigh => Order(_a);

    /// <summary>The next 8 bytes.</summary>
    internal ulong KeyLow => Order(_b);

    public static bool operator ==(ChunkDigest left, ChunkDigest right) => left.Equals(right);

    public static bool operator !=(ChunkDigest left, ChunkDigest right) => !left.Equals(right);

    /// <summary>Reads 64 hexadecimal digits.</summary>
    /// <exception cref="RepositoryException">The text is no digest.</exception>
    public static ChunkDigest Parse(string hex)
    {
        Span<byte> bytes = stackalloc byte[Size];
        if (hex.Length != Size * 2 || Convert.FromHexString(hex, bytes, out _, out var written) != System.Buffers.OperationStatus.Done || written != Size)
        {
            throw RepositoryException.Invalid($"digest: '{hex}' is not {Size * 2} hexadecimal digits");
        }

        return new ChunkDigest(bytes);
    }

    /// <summary>Writes the 32 bytes.</summary>
    public void CopyTo(Span<byte> destination) => MemoryMarshal.Write(destination, in this);

    public byte[] ToArray()
    {
        var bytes = new byte[Size];
        CopyTo(bytes);
        return bytes;
    }

    public bool Equals(ChunkDigest other) => _a == other._a && _b == other._b && _c == other._c && _d == other._d;

    public override bool Equals(object? obj) => obj is ChunkDigest other && Equals(other);

    // The content is a cryptographic hash, so any eight of its bytes are a good hash code.
    public override int GetHashCode() => _a.GetHashCode();

    public int CompareTo(ChunkDigest other)
    {
        var order = Order(_a).CompareTo(Order(other._a));
        order = order != 0 ? order : Order(_b).CompareTo(Order(other._b));
        order = order != 0 ? order : Order(_c).CompareTo(Order(other._c));
        return order != 0 ? order : Order(_d).CompareTo(Order(other._d));
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        CopyTo(bytes);
        return Convert.ToHexStringLower(bytes);
    }

    private static ulong Order(ulong raw) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(raw) : raw;
}
