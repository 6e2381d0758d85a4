// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using OvirtDistributed.Repository.Frames;
using SimpleBase;

namespace OvirtDistributed.Repository.Encryption;

/// <summary>Keys and shares as text to print and to type in again: Crockford's base 32 in groups of five, with a checksum.</summary>
public static class KeyPaper
{
    private const string KeyPrefix = "OVDKEY1";
    private const string SharePrefix = "OVDSHARE1";
    private const int Group = 5;
    private const int ChecksumLength = 4;

    /// <summary>The repository key itself. Who reads the paper can read all backups.</summary>
    public static string Write(RepositoryKey key)
    {
        var bytes = new byte[16 + RepositoryKey.Size];
        key.KeySetId.TryWriteBytes(bytes, bigEndian: true, out _);
        key.Secret.CopyTo(bytes.AsSpan(16));
        return Write(KeyPrefix, bytes);
    }

    /// <summary>One share.</summary>
    public static string Write(KeyShare share)
    {
        var bytes = new byte[18 + share.Part.Length];
        share.SlotId.TryWriteBytes(bytes, bigEndian: true, out _);
        bytes[16] = (byte)share.Threshold;
        bytes[17] = share.Number;
        share.Part.Span.CopyTo(bytes.AsSpan(18));
        return Write(SharePrefix, bytes);
    }

    /// <summary>Reads what <see cref="Write(RepositoryKey)"/> wrote; spaces, line breaks and case do not matter, lines that start with # are ignored.</summary>
    /// <exception cref="RepositoryException">It is not such a text, or was mistyped.</exception>
    public static RepositoryKey ReadKey(string text)
    {
        var bytes = Read(text, KeyPrefix, "repository key", 16 + RepositoryKey.Size);
        return new RepositoryKey(bytes.AsSpan(16), new Guid(bytes.AsSpan(0, 16), bigEndian: true));
    }

    /// <summary>Reads what <see cref="Write(KeyShare)"/> wrote.</summary>
    /// <exception cref="RepositoryException">It is not such a text, or was mistyped.</exception>
    public static KeyShare ReadShare(string text)
    {
        var bytes = Read(text, SharePrefix, "recovery share", 18 + RepositoryKey.Size);
        return new KeyShare(new Guid(bytes.AsSpan(0, 16), bigEndian: true), bytes[16], bytes[17], bytes.AsMemory(18));
    }

    private static string Write(string prefix, byte[] bytes)
    {
        var checkedBytes = new byte[bytes.Length + ChecksumLength];
        bytes.CopyTo(checkedBytes, 0);
        BinaryPrimitives.WriteUInt32BigEndian(checkedBytes.AsSpan(bytes.Length), Crc32C.Compute(bytes));
        var letters = Base32.Crockford.Encode(checkedBytes);
        return prefix + " " + string.Join(' ', letters.Chunk(Group).Select(group => new string(group)));
    }

    private static byte[] Read(string text, string prefix, string what, int length)
    {
        var lines = text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#');
        var letters = string.Concat(string.Concat(lines).Where(letter => !char.IsWhiteSpace(letter) && letter != '-')).ToUpperInvariant();
        if (!letters.StartsWith(prefix, StringComparison.Ordinal))
        {
            throw RepositoryException.Invalid($"{what}: the text does not start with {prefix}");
        }

        byte[] bytes;
        try
        {
            bytes = Base32.Crockford.Decode(letters.AsSpan(prefix.Length));
        }
        catch (ArgumentException failure)
        {
            throw RepositoryException.Invalid($"{what}: a letter in it cannot be ({failure.Message})");
        }

        return bytes.Length == length + ChecksumLength
            && BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(length)) == Crc32C.Compute(bytes.AsSpan(0, length))
            ? bytes[..length]
            : throw RepositoryException.Invalid($"{what}: its checksum does not hold, or a part is missing: compare it with the paper group by group");
    }
}
