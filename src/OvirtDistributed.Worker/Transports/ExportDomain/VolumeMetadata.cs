// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>The .meta file beside a volume: what hosts know of it. Sorted lines and EOF, at most 512 bytes.</summary>
/// <param name="VolumePath">The volume.</param>
/// <param name="DomainId">Its domain.</param>
/// <param name="DomainVersion">From 5 on sizes are in bytes, before in sectors.</param>
/// <param name="DiskId">Its image.</param>
/// <param name="SizeBytes">Of the disk.</param>
/// <param name="Raw">Else qcow2.</param>
/// <param name="Sparse">Else preallocated.</param>
/// <param name="Created">When it was made.</param>
internal sealed record VolumeMetadata(string VolumePath, string DomainId, int DomainVersion, string DiskId, long SizeBytes, bool Raw, bool Sparse, DateTimeOffset Created)
{
    private const int InBytesSince = 5;
    private const int SectorBytes = 512;

    /// <summary>Replaces it, whole or not at all.</summary>
    /// <param name="legal">Whether hosts may use the volume.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Write(bool legal) => ExportDirectory.WriteWhole($"{VolumePath}.meta", Text(legal));

    internal string Text(bool legal)
    {
        var lines = new List<string>
        {
            $"CTIME={Created.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)}",
            "DESCRIPTION=",
            "DISKTYPE=DATA",
            $"DOMAIN={DomainId}",
            $"FORMAT={(Raw ? "RAW" : "COW")}",
            "GEN=0",
            $"IMAGE={DiskId}",
            $"LEGALITY={(legal ? "LEGAL" : "ILLEGAL")}",
            $"PUUID={Guid.Empty:D}",
            $"TYPE={(Sparse ? "SPARSE" : "PREALLOCATED")}",
            "VOLTYPE=LEAF",
        };
        lines.AddRange(DomainVersion >= InBytesSince
            ? [$"CAP={SizeBytes.ToString(CultureInfo.InvariantCulture)}", "SEQ=0"]
            : ["MTIME=0", $"SIZE={(SizeBytes / SectorBytes).ToString(CultureInfo.InvariantCulture)}"]);
        var text = new StringBuilder();
        foreach (var line in lines.Order(StringComparer.Ordinal))
        {
            text.Append(line).Append('\n');
        }

        return text.Append("EOF\n").ToString();
    }
}
