// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace OvirtDistributed.Simulator.Model;

/// <summary>Ids and content that depend on nothing but a seed and a name.</summary>
internal sealed class SeededIds(int seed)
{
    public Guid Id(string kind, string name)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{seed}/{kind}/{name}")));
        var bytes = hash.AsSpan(0, 16);
        // Marked as a random (version 4) id: clients may look.
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>Pseudo-random bytes for one block of a disk.</summary>
    public byte[] Content(string disk, long block, int length)
    {
        var start = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{seed}/content/{disk}/{block}")));
        var content = new byte[length];
        using var aes = Aes.Create();
        aes.Key = start;
        // A chain over zeroes: every 16 bytes differ.
        aes.EncryptCbc(new byte[length], new byte[16], content, PaddingMode.None);
        // Half of each block compresses well, as real disks do.
        for (var i = length / 2; i < length; i++)
        {
            content[i] = content[i & 63];
        }

        return content;
    }
}
