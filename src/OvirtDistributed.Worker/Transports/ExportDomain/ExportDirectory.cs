// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>
/// An export domain on this machine. It is proven to be the one that is meant before anything is read or written, and nothing leads out of it: names are
/// ids, and symbolic links are refused.
/// </summary>
internal sealed class ExportDirectory
{
    private const int MetadataLimit = 64 << 10;
    private const string ExportClass = "Backup";

    private readonly string _root;
    private readonly FailureCode _side;

    private ExportDirectory(string root, string id, int version, FailureCode side)
    {
        _root = root;
        Id = id;
        Version = version;
        _side = side;
    }

    public string Id { get; }

    /// <summary>As hosts count: 0 for V1, which export domains are, else the number.</summary>
    public int Version { get; }

    /// <param name="mount">Where it is mounted.</param>
    /// <param name="domainId">Which one it has to be.</param>
    /// <param name="side">Whose fault it is when it is not.</param>
    /// <exception cref="TaskFailureException">Nothing is mounted there, or another storage domain, or one that is none for exports.</exception>
    public static ExportDirectory Open(string mount, string domainId, FailureCode side)
    {
        var id = IdOf(domainId, "storage_domain_id");
        var directory = new ExportDirectory(Path.Combine(mount, id), id, 0, side);
        if (!Directory.Exists(mount))
        {
            throw new TaskFailureException(side, $"Directory {mount} does not exist on the worker: mount export domain {id} there.");
        }

        var file = Path.Combine(directory._root, "dom_md", "metadata");
        directory.RefuseLinks("dom_md", "metadata");
        var metadata = directory.Try(() => File.Exists(file) && new FileInfo(file).Length <= MetadataLimit ? File.ReadAllLines(file) : null)
            ?? throw new TaskFailureException(side, $"There is no storage domain {id} in {mount} on the worker ({file} is missing): is its export mounted there?");
        var values = metadata.Select(line => line.Split('=', 2)).Where(pair => pair.Length == 2).DistinctBy(pair => pair[0]).ToDictionary(pair => pair[0], pair => pair[1].Trim(), StringComparer.Ordinal);
        if (!string.Equals(values.GetValueOrDefault("SDUUID"), id, StringComparison.OrdinalIgnoreCase))
        {
            throw new TaskFailureException(side, $"{file} is the metadata of storage domain '{values.GetValueOrDefault("SDUUID")}', not of {id}: nothing was touched.");
        }

        if (values.GetValueOrDefault("CLASS") != ExportClass)
        {
            throw new TaskFailureException(side, $"Storage domain {id} in {mount} is of class '{values.GetValueOrDefault("CLASS")}', not an export domain: nothing was touched.");
        }

        return new ExportDirectory(directory._root, id, int.TryParse(values.GetValueOrDefault("VERSION"), NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : 0, side);
    }

    /// <summary>The file of a volume that is there, of a VM whose export is complete.</summary>
    /// <exception cref="TaskFailureException">It is not there, or the VM's OVF does not name it.</exception>
    public string FindVolume(ExportDisk disk)
    {
        var (vm, image, volume) = (IdOf(disk.VmId, "vm_id"), IdOf(disk.DiskId, "disk_id"), IdOf(disk.VolumeId, "volume_id"));
        RefuseLinks("master", "vms", vm, $"{vm}.ovf");
        RefuseLinks("images", image, volume);
        var ovf = Path.Combine(_root, "master", "vms", vm, $"{vm}.ovf");
        if (Try(() => File.Exists(ovf) ? File.ReadAllText(ovf) : "")!.Contains($"{image}/{volume}", StringComparison.OrdinalIgnoreCase) is false)
        {
            throw new TaskFailureException(_side, $"{ovf} is missing or does not name volume {image}/{volume}: the export is not complete, or was deleted.");
        }

        var file = Path.Combine(_root, "images", image, volume);
        return File.Exists(file) ? file : throw new TaskFailureException(_side, $"Volume {file} is not there.");
    }

    /// <summary>Writes the VM's OVF, and makes the directory of an image, which is empty then whatever an earlier attempt left. Answers the path of its volume.</summary>
    public string PrepareVolume(ExportDisk disk)
    {
        var (vm, image, volume) = (IdOf(disk.VmId, "vm_id"), IdOf(disk.DiskId, "disk_id"), IdOf(disk.VolumeId, "volume_id"));
        RefuseLinks("master", "vms", vm, $"{vm}.ovf");
        RefuseLinks("images", image);
        return Try(() =>
        {
            // First, so that the manager can delete whatever comes to lie there.
            WriteOvf(Path.Combine(_root, "master", "vms", vm), vm, disk.Ovf);
            var folder = Path.Combine(_root, "images", image);
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            MakeFolder(folder);
            ExportFile.FlushFolder(Path.Combine(_root, "images"));
            return Path.Combine(folder, volume);
        })!;
    }

    /// <summary>A text at a path, whole or not at all.</summary>
    public static void WriteWhole(string path, string text)
    {
        var part = $"{path}.part-{Guid.NewGuid():N}";
        File.WriteAllText(part, text);
        ExportFile.Own(part, folder: false);
        using (var handle = File.OpenHandle(part, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.FlushToDisk(handle);
        }

        File.Move(part, path, overwrite: true);
        ExportFile.FlushFolder(Path.GetDirectoryName(path)!);
    }

    private static void WriteOvf(string folder, string vm, string ovf)
    {
        MakeFolder(folder);
        WriteWhole(Path.Combine(folder, $"{vm}.ovf"), ovf);
        ExportFile.FlushFolder(Path.GetDirectoryName(folder)!);
    }

    private static void MakeFolder(string folder)
    {
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder);
            ExportFile.Own(folder, folder: true);
        }
    }

    private static string IdOf(string text, string field) => Guid.TryParseExact(text, "D", out var id)
        ? id.ToString("D")
        : throw new TaskFailureException(FailureCode.BadOrder, $"The order's export_disk cannot be used: {field} '{text}' is no id.");

    /// <summary>None of the steps down from the domain may be a symbolic link.</summary>
    private void RefuseLinks(params ReadOnlySpan<string> steps)
    {
        var path = _root;
        Refuse(path);
        foreach (var step in steps)
        {
            path = Path.Combine(path, step);
            Refuse(path);
        }

        void Refuse(string candidate)
        {
            if (new FileInfo(candidate).LinkTarget is { } target)
            {
                throw new TaskFailureException(_side, $"{candidate} is a symbolic link (to {target}), which an export domain has none of: nothing was touched.");
            }
        }
    }

    private T? Try<T>(Func<T?> access)
    {
        try
        {
            return access();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TaskFailureException(_side, $"Export domain {Id} cannot be accessed: {failure.Message} A worker needs the rights of root, or of vdsm (uid 36, gid 36).", failure);
        }
    }
}
