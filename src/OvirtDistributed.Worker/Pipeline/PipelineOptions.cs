// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>
/// Memory and parallelism of one slot. Memory is <see cref="Segments"/> × 4.5 MiB for input, about half of that for output,
/// whatever the size of the disk; it goes back to the kernel when the task ends.
/// </summary>
public sealed class PipelineOptions
{
    /// <summary>Most connections to one transfer: the daemon's NBD server admits eight and the ninth hangs.</summary>
    public const int MaximumSourceConnections = 8;

    /// <summary>Connections to the source of one disk. Default 4: ImageIO over TLS saturates at 2 to 4.</summary>
    public int SourceConnections { get; set; } = 4;

    /// <summary>Bytes asked for in one read. Default 2 MiB: from 1 MiB on the rate no longer rises.</summary>
    public int ReadBytes { get; set; } = 2 << 20;

    /// <summary>HTTP/2 connections to the Data Mover for one disk. Default 2: 12 % over one; more gain nothing.</summary>
    public int MoverConnections { get; set; } = 2;

    /// <summary>Segments of 4 MiB in flight. 0 = cores + 4: every core has one, the rest is being read, asked for and sent.</summary>
    public int Segments { get; set; }

    /// <summary>Threads that hash and compress. 0 = one for each core.</summary>
    public int Encoders { get; set; }

    /// <summary>Folder for the extent lists of huge disks. Default: the system's temporary folder.</summary>
    public string SpoolDirectory { get; set; } = Path.GetTempPath();

    /// <summary>Extents of one disk kept in memory before the list goes to a file. Default 65,536 (1.5 MiB).</summary>
    public int ExtentsInMemory { get; set; } = 65_536;

    /// <summary>Digests of the chunks sent last that each slot remembers, so that it does not ask for them again. Default 65,536 (2 MiB).</summary>
    public int RecentDigests { get; set; } = 65_536;

    /// <summary>
    /// Whether frames copied between replicas are decrypted, decompressed and compared with their digest on the way; else only their checksum is. Default true: it costs
    /// a fraction of what compressing would.
    /// </summary>
    public bool VerifyReplicaContent { get; set; } = true;

    internal int EffectiveEncoders => Encoders > 0 ? Encoders : Environment.ProcessorCount;

    internal int EffectiveSegments => Segments > 0 ? Segments : Environment.ProcessorCount + 4;

    internal IEnumerable<string> Problems(string section)
    {
        if (SourceConnections is < 1 or > MaximumSourceConnections)
        {
            yield return $"{section}:SourceConnections {SourceConnections} is out of range: write 1 to {MaximumSourceConnections}.";
        }

        if (ReadBytes is < 64 << 10 or > 4 << 20 || ReadBytes % 4096 != 0)
        {
            yield return $"{section}:ReadBytes {ReadBytes} is out of range: write a multiple of 4096 from 65536 to 4194304.";
        }

        if (MoverConnections is < 1 or > 8)
        {
            yield return $"{section}:MoverConnections {MoverConnections} is out of range: write 1 to 8.";
        }

        if (Segments is not 0 and (< 3 or > 256))
        {
            yield return $"{section}:Segments {Segments} is out of range: write 3 to 256, or 0 for the number of cores + 4.";
        }

        if (Encoders is < 0 or > 256)
        {
            yield return $"{section}:Encoders {Encoders} is out of range: write 1 to 256, or 0 for the number of cores.";
        }

        if (!Directory.Exists(SpoolDirectory))
        {
            yield return $"{section}:SpoolDirectory '{SpoolDirectory}' does not exist: create it or name another.";
        }

        if (ExtentsInMemory < 1024)
        {
            yield return $"{section}:ExtentsInMemory {ExtentsInMemory} is too small: write at least 1024.";
        }

        if (RecentDigests < 0)
        {
            yield return $"{section}:RecentDigests {RecentDigests} is negative: write 0 to switch the memory off.";
        }
    }
}
