// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Simulator.Engine.Entities;

namespace OvirtDistributed.Simulator.Engine;

/// <summary>What a volume's .meta file says.</summary>
internal sealed record ExportedVolume(string File, string Format, bool Sparse, long Bytes);

/// <summary>
/// An export domain as it lies in its directory: <c>DOMAIN/dom_md/metadata</c>, <c>DOMAIN/images/DISK/VOLUME</c> with <c>VOLUME.meta</c>, and
/// <c>DOMAIN/master/vms/VM/VM.ovf</c>. Several data centers have directories of their own beside each other.
/// </summary>
internal sealed class ExportFiles(string mount, Guid domainId)
{
    private const int SectorBytes = 512;

    private string Root => Path.Combine(mount, $"{domainId:D}");

    private string Vms => Path.Combine(Root, "master", "vms");

    public static ExportFiles Of(EngineContext engine, StorageDomain domain) => new(MountOf(engine, domain), domain.Id);

    /// <summary>The directory that stands for what hosts mount.</summary>
    public static string MountOf(EngineContext engine, StorageDomain domain) => Path.Combine(
        Path.GetDirectoryName(engine.Storage.ImagesDirectory)!, "nfs", (domain.Path ?? $"{domain.Id:D}").TrimStart('/'));

    public void Format()
    {
        _ = Directory.CreateDirectory(Path.Combine(Root, "images"));
        _ = Directory.CreateDirectory(Vms);
        var metadata = Directory.CreateDirectory(Path.Combine(Root, "dom_md"));
        File.WriteAllLines(
            Path.Combine(metadata.FullName, "metadata"),
            ["CLASS=Backup", "DESCRIPTION=export", "ROLE=Regular", $"SDUUID={domainId:D}", "TYPE=NFS", "VERSION=0"]);
    }

    public IEnumerable<OvfVm> List() => Directory.Exists(Vms) ? Directory.EnumerateDirectories(Vms).Select(folder => Read(Path.GetFileName(folder))).OfType<OvfVm>() : [];

    /// <summary>Null when it is not there, or no OVF.</summary>
    public OvfVm? Find(Guid vmId) => Read($"{vmId:D}");

    /// <summary>The path for a new volume, whose directory is there and empty.</summary>
    public string Prepare(Guid diskId, Guid imageId)
    {
        RemoveImage(diskId);
        return Path.Combine(Directory.CreateDirectory(Path.Combine(Root, "images", $"{diskId:D}")).FullName, $"{imageId:D}");
    }

    public void WriteMeta(Disk disk) => File.WriteAllLines(
        Path.Combine(Root, "images", $"{disk.Id:D}", $"{disk.Active.ImageId:D}.meta"),
        [
            "CTIME=1600000000", $"DESCRIPTION={disk.Description}", "DISKTYPE=DATA", $"DOMAIN={domainId:D}", $"FORMAT={(disk.IsCow ? "COW" : "RAW")}", "GEN=0", $"IMAGE={disk.Id:D}",
            "LEGALITY=LEGAL", "MTIME=0", $"PUUID={Guid.Empty:D}", $"SIZE={disk.ProvisionedSize / SectorBytes}", $"TYPE={(disk.Sparse ? "SPARSE" : "PREALLOCATED")}", "VOLTYPE=LEAF", "EOF",
        ]);

    public void WriteOvf(Guid vmId, string ovf)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Vms, $"{vmId:D}"));
        File.WriteAllText(Path.Combine(folder.FullName, $"{vmId:D}.ovf"), ovf);
    }

    /// <summary>As strict as a host: what is missing or does not fit is an error.</summary>
    /// <exception cref="FormatException">A host would refuse the volume.</exception>
    public ExportedVolume ReadVolume(OvfDisk disk)
    {
        var file = Path.Combine(Root, "images", $"{disk.DiskId:D}", $"{disk.ImageId:D}");
        if (disk.SnapshotId == Guid.Empty)
        {
            throw new FormatException($"Disk {disk.DiskId} has no snapshot id.");
        }

        if (!File.Exists(file) || !File.Exists($"{file}.meta"))
        {
            throw new FormatException($"Volume {file} or its metadata does not exist.");
        }

        var lines = File.ReadAllLines($"{file}.meta");
        if (lines is not [.., "EOF"] || new FileInfo($"{file}.meta").Length > SectorBytes)
        {
            throw new FormatException($"The metadata of volume {file} does not end, or is too long.");
        }

        var meta = lines.SkipLast(1).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
        string[] fixedValues = [$"DOMAIN={domainId:D}", $"IMAGE={disk.DiskId:D}", $"PUUID={Guid.Empty:D}", "LEGALITY=LEGAL", "VOLTYPE=LEAF", "DISKTYPE=DATA", "MTIME=0"];
        if (fixedValues.FirstOrDefault(line => !lines.Contains(line, StringComparer.Ordinal)) is { } wrong)
        {
            throw new FormatException($"The metadata of volume {file} lacks {wrong}.");
        }

        if (!meta.ContainsKey("DESCRIPTION") || !long.TryParse(meta.GetValueOrDefault("CTIME"), out _) || !long.TryParse(meta.GetValueOrDefault("SIZE"), NumberStyles.None, CultureInfo.InvariantCulture, out var sectors))
        {
            throw new FormatException($"The metadata of volume {file} lacks DESCRIPTION, CTIME or SIZE.");
        }

        var format = meta.GetValueOrDefault("FORMAT") switch
        {
            "RAW" => "raw",
            "COW" => "cow",
            var other => throw new FormatException($"Volume {file} has format {other}."),
        };
        return format == disk.Format && meta.GetValueOrDefault("TYPE") == (disk.Sparse ? "SPARSE" : "PREALLOCATED")
            ? new ExportedVolume(file, format, disk.Sparse, sectors * SectorBytes)
            : throw new FormatException($"The OVF and the metadata of volume {file} do not agree.");
    }

    public void Remove(OvfVm vm)
    {
        Directory.Delete(Path.Combine(Vms, $"{vm.Id:D}"), recursive: true);
        foreach (var disk in vm.Disks)
        {
            RemoveImage(disk.DiskId);
        }
    }

    public void RemoveImage(Guid diskId)
    {
        var folder = Path.Combine(Root, "images", $"{diskId:D}");
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>VMs and images in the directory.</summary>
    public IEnumerable<string> Contents() =>
        Directory.EnumerateDirectories(Vms).Select(folder => $"VM {Path.GetFileName(folder)}")
            .Concat(Directory.EnumerateDirectories(Path.Combine(Root, "images")).Select(folder => $"image {Path.GetFileName(folder)}"));

    private OvfVm? Read(string vmId)
    {
        try
        {
            return OvfReader.Read(File.ReadAllText(Path.Combine(Vms, vmId, $"{vmId}.ovf")));
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            return null;
        }
    }
}
