// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Text;

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>What the beginning of a qcow2 file says, checked against the file's size: nothing in it is trusted.</summary>
internal sealed record Qcow2Header
{
    /// <summary>What has to be read of the file to parse it: a backing file's name may lie anywhere in the first cluster, which has at most 2 MiB.</summary>
    public const int FirstBytes = 112;

    private const uint Magic = 0x514649fb;
    private const int Version2Bytes = 72;
    private const int Version3Bytes = 104;
    private const int MaximumNameBytes = 1023;

    // As qemu: an L1 table of 32 MiB is enough for 2 PiB at the usual cluster size.
    private const long MaximumL1Bytes = 32L << 20;
    private const ulong DirtyBit = 1;

    public required int Version { get; init; }

    public required int ClusterBits { get; init; }

    /// <summary>What the guest sees of this layer.</summary>
    public required long DiskSizeBytes { get; init; }

    public required long L1Offset { get; init; }

    public required int L1Entries { get; init; }

    /// <summary>Where the backing file's name is, and its length; 0 without one.</summary>
    public required long BackingNameOffset { get; init; }

    public required int BackingNameBytes { get; init; }

    public long ClusterBytes => 1L << ClusterBits;

    /// <summary>Entries of an L2 table, which fills a cluster.</summary>
    public int L2Entries => 1 << (ClusterBits - 3);

    /// <summary>Bytes of the disk that one L2 table describes.</summary>
    public long L2Covers => ClusterBytes * L2Entries;

    /// <summary>Reads the fields.</summary>
    /// <param name="bytes">The first <see cref="FirstBytes"/> of the file, or all of a shorter one.</param>
    /// <param name="fileSize">Size of the file.</param>
    /// <param name="name">For messages.</param>
    /// <exception cref="Execution.TaskFailureException">It is no qcow2 file, a damaged one, or of a kind that is not read.</exception>
    public static Qcow2Header Parse(ReadOnlySpan<byte> bytes, long fileSize, VolumeName name)
    {
        if (bytes.Length < Version2Bytes || BinaryPrimitives.ReadUInt32BigEndian(bytes) != Magic)
        {
            throw name.Damaged(0, "it does not begin as a qcow2 file, which the manager says it is");
        }

        var version = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
        var clusterBits = BinaryPrimitives.ReadUInt32BigEndian(bytes[20..]);
        var crypt = BinaryPrimitives.ReadUInt32BigEndian(bytes[32..]);
        if (version is not (2 or 3))
        {
            throw name.Unsupported($"qcow2 version {version}; 2 and 3 are known");
        }

        if (clusterBits is < 9 or > 21)
        {
            throw name.Damaged(20, $"clusters of 2^{clusterBits} bytes; 2^9 to 2^21 are possible");
        }

        if (crypt != 0)
        {
            throw name.Unsupported($"encryption (method {crypt})");
        }

        if (version == 3)
        {
            CheckFeatures(bytes, 1 << (int)clusterBits, name);
        }

        var header = new Qcow2Header
        {
            Version = (int)version,
            ClusterBits = (int)clusterBits,
            DiskSizeBytes = Bounded(bytes, 24, long.MaxValue - (1L << 40), "the disk's size", name),
            L1Entries = (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(bytes[36..]), int.MaxValue),
            L1Offset = Bounded(bytes, 40, fileSize, "the L1 table's offset", name),
            BackingNameOffset = Bounded(bytes, 8, fileSize, "the offset of the backing file's name", name),
            BackingNameBytes = (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]), int.MaxValue),
        };
        header.Check(fileSize, name);
        return header;
    }

    /// <summary>The id of the volume below: in whatever way the name is written, its last part is that.</summary>
    /// <param name="text">The name's bytes.</param>
    /// <param name="name">For messages.</param>
    public Guid ParentOf(ReadOnlySpan<byte> text, VolumeName name)
    {
        var path = Encoding.UTF8.GetString(text);
        return Guid.TryParseExact(path[(path.LastIndexOf('/') + 1)..], "D", out var parent)
            ? parent
            : throw name.Damaged(BackingNameOffset, "the name of its backing file does not end in a volume's id");
    }

    private void Check(long fileSize, VolumeName name)
    {
        var needed = DiskSizeBytes == 0 ? 0 : ((DiskSizeBytes - 1) / L2Covers) + 1;
        if (L1Entries < needed)
        {
            throw name.Damaged(36, $"the L1 table has {L1Entries} entries, and a disk of {DiskSizeBytes} bytes needs {needed}");
        }

        var tableBytes = L1Entries * 8L;
        if (tableBytes > MaximumL1Bytes)
        {
            throw name.Damaged(36, $"the L1 table has {L1Entries} entries, and {MaximumL1Bytes / 8} are possible");
        }

        if (tableBytes > 0 && (L1Offset % ClusterBytes != 0 || L1Offset == 0 || L1Offset > fileSize - tableBytes))
        {
            throw name.Damaged(40, $"the L1 table of {tableBytes} bytes at {L1Offset} does not begin at a cluster within the file of {fileSize} bytes");
        }

        if (BackingNameOffset != 0 && (BackingNameBytes is 0 or > MaximumNameBytes || BackingNameOffset + BackingNameBytes > Math.Min(ClusterBytes, fileSize)))
        {
            throw name.Damaged(8, $"the backing file's name of {BackingNameBytes} bytes at {BackingNameOffset} is not within the first cluster");
        }
    }

    private static void CheckFeatures(ReadOnlySpan<byte> bytes, int clusterBytes, VolumeName name)
    {
        if (bytes.Length < Version3Bytes)
        {
            throw name.Damaged(0, $"the file ends after {bytes.Length} bytes, within its header");
        }

        var length = BinaryPrimitives.ReadUInt32BigEndian(bytes[100..]);
        if (length < Version3Bytes || length % 8 != 0 || length > clusterBytes)
        {
            throw name.Damaged(100, $"a header of {length} bytes");
        }

        var features = BinaryPrimitives.ReadUInt64BigEndian(bytes[72..]) & ~DirtyBit; // Dirty: only refcounts may be wrong, and they are not needed to read.
        switch (features)
        {
            case 0:
                return;
            case var set when (set & 2) != 0:
                throw name.Damaged(72, "qemu has marked the image as corrupt");
            case var set when (set & 4) != 0:
                throw name.Unsupported("an external data file");
            case var set when (set & 8) != 0 && (bytes.Length <= Version3Bytes || length <= Version3Bytes || bytes[Version3Bytes] != 0):
                throw name.Unsupported("another compression than deflate");
            case var set when (set & 16) != 0:
                throw name.Unsupported("extended L2 entries (subclusters)");
            case var set when (set & ~8UL) != 0:
                throw name.Unsupported($"features this version does not know (bits {set & ~8UL:x})");
        }
    }

    private static long Bounded(ReadOnlySpan<byte> bytes, int offset, long most, string what, VolumeName name)
    {
        var value = BinaryPrimitives.ReadUInt64BigEndian(bytes[offset..]);
        return value <= (ulong)most ? (long)value : throw name.Damaged(offset, $"{what} is {value}, and the most is {most}");
    }
}
