// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Tests.Repository.Format;

/// <summary>Makes what a later program might write: one byte is another, all checksums hold.</summary>
internal static class FrameEditor
{
    private const int PackHeader = 64;

    /// <summary>The headers of all frames.</summary>
    public static IEnumerable<FrameHeader> Headers(Fixture fixture)
    {
        foreach (var pack in fixture.Packs())
        {
            var bytes = File.ReadAllBytes(pack);
            for (var offset = PackHeader; FrameHeader.TryRead(bytes.AsSpan(offset), out var header); offset += header.FrameLength)
            {
                yield return header;
            }
        }
    }

    /// <summary>Changes one byte of the header of every frame.</summary>
    public static void ChangeFrames(Fixture fixture, int at, byte value)
    {
        foreach (var pack in fixture.Packs())
        {
            var bytes = File.ReadAllBytes(pack);
            for (var offset = PackHeader; FrameHeader.TryRead(bytes.AsSpan(offset), out var header); offset += header.FrameLength)
            {
                bytes[offset + at] = value;
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset + 84), Crc32C.Compute(bytes.AsSpan(offset, 84)));
            }

            File.WriteAllBytes(pack, bytes);
        }
    }

    /// <summary>Gives every pack's header another version.</summary>
    public static void ChangePackVersion(Fixture fixture, byte version)
    {
        foreach (var pack in fixture.Packs())
        {
            var bytes = File.ReadAllBytes(pack);
            bytes[8] = version;
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(60), Crc32C.Compute(bytes.AsSpan(0, 60)));
            File.WriteAllBytes(pack, bytes);
        }
    }

    /// <summary>Takes the end of every pack away, as a crash before sealing leaves it.</summary>
    public static void CutTrailers(Fixture fixture)
    {
        foreach (var pack in fixture.Packs())
        {
            using var file = new FileStream(pack, FileMode.Open, FileAccess.ReadWrite);
            file.SetLength(file.Length - 1);
        }
    }

    /// <summary>Gives a text object another version.</summary>
    public static void ChangeTextVersion(string path, int from, int to)
    {
        var text = File.ReadAllText(path);
        File.WriteAllText(path, text.Replace($"\"version\":{from},", $"\"version\":{to},", StringComparison.Ordinal), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
    }
}
