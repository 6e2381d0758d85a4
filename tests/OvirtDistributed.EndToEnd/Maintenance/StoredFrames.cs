// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Frames;
using Xunit;

namespace OvirtDistributed.EndToEnd.Maintenance;

/// <summary>The frames in a repository's directory, for tests that spoil some of them.</summary>
internal static class StoredFrames
{
    private const int PackHeader = 64;

    /// <summary>Changes a byte in the payload of every so-manieth frame of a kind.</summary>
    /// <returns>How many.</returns>
    public static int Damage(string directory, FrameKind kind, int every = 1)
    {
        var (seen, damaged) = (0, 0);
        foreach (var pack in Directory.GetFiles(Path.Combine(directory, "packs"), "*.pack", SearchOption.AllDirectories))
        {
            var content = File.ReadAllBytes(pack);
            using var file = File.Open(pack, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            for (var at = PackHeader; at + FrameHeader.Size <= content.Length && content.AsSpan(at, 4).SequenceEqual("OVDF"u8);)
            {
                var header = FrameHeader.Read(content.AsSpan(at));
                if (header.Kind == kind && seen++ % every == 0)
                {
                    file.Position = at + FrameHeader.Size + (header.StoredLength / 2);
                    file.WriteByte((byte)(content[file.Position] ^ 0x40));
                    damaged++;
                }

                at += header.FrameLength;
            }
        }

        Assert.True(damaged > 0, $"no {kind} in {directory}");
        return damaged;
    }
}
