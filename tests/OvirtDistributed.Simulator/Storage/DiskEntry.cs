// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage;

/// <summary>A disk in memory: its record, who holds it, and the gate that puts calls for it one after another. Fields change only behind the gate.</summary>
internal sealed class DiskEntry(string directory, DiskRecord record)
{
    public SemaphoreSlim Gate { get; } = new(1);

    public string Directory { get; } = directory;

    public DiskRecord Record { get; private set; } = record;

    /// <summary>The running VM's storage process that holds the disk.</summary>
    public VmProcess? Vm { get; set; }

    /// <summary>The backup the disk is in.</summary>
    public Guid? Backup { get; set; }

    public int Readers { get; set; }

    public bool HasWriter { get; set; }

    /// <summary>What is shown as block devices: a snapshot's volume, or null for the disk itself.</summary>
    public List<Guid?> Devices { get; } = [];

    public bool Deleted { get; set; }

    public Guid Id => Record.DiskId;

    /// <summary>The volume's name in the directory.</summary>
    public string PathOf(LayerRecord layer) => Path.Combine(Directory, VolumeName(layer.ImageId));

    /// <summary>The volume's data file, which keeps its name when a merge gives its data another image id: qemu opens files again by name.</summary>
    public string DataPathOf(LayerRecord layer) => Path.Combine(Directory, layer.File);

    public string ActivePath => PathOf(Record.Active);

    public static string VolumeName(Guid imageId) => imageId.ToString("D");

    public void Update(DiskRecord record)
    {
        record.Save(Directory);
        Record = record;
    }

    /// <summary>Lets the volume's name point to a data file; atomic, replaces an older link.</summary>
    public void Link(Guid imageId, string dataFile)
    {
        var link = Path.Combine(Directory, VolumeName(imageId));
        var fresh = link + ".new";
        File.Delete(fresh);
        _ = File.CreateSymbolicLink(fresh, dataFile);
        File.Move(fresh, link, overwrite: true);
    }

    public void RemoveVolume(LayerRecord layer)
    {
        File.Delete(PathOf(layer));
        File.Delete(DataPathOf(layer));
    }

    /// <exception cref="StorageException">Something else is using the disk.</exception>
    public void RequireIdle(string what)
    {
        if (Backup is { } backup)
        {
            throw new StorageException(StorageFailure.Busy, $"Disk {Id}: {what} is not possible during backup {backup}; stop the backup first.");
        }

        RequireNoExport(what);
    }

    public void RequireNoExport(string what)
    {
        if (Readers > 0 || HasWriter)
        {
            throw new StorageException(StorageFailure.Busy, $"Disk {Id}: {what} is not possible while it is exported; close the exports first.");
        }
    }

    /// <exception cref="StorageException">The disk, or the snapshot's volume of it, is shown as a block device.</exception>
    public void RequireNoDevice(string what, params IEnumerable<Guid?> images)
    {
        if (images.Any(Devices.Contains))
        {
            throw new StorageException(StorageFailure.Busy, $"Disk {Id}: {what} is not possible while a VM has it attached; detach it first.");
        }
    }

    public void RequireStopped(string what)
    {
        if (Vm is { } vm)
        {
            throw new StorageException(StorageFailure.Busy, $"Disk {Id}: {what} is not possible while VM {vm.VmId} runs; stop it first.");
        }
    }
}
