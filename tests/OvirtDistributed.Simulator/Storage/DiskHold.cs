// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Storage;

/// <summary>The gates of some disks, held until disposed.</summary>
internal sealed class DiskHold : IDisposable
{
    private readonly Dictionary<Guid, DiskEntry> _disks = [];
    private readonly List<DiskEntry> _held = [];

    public DiskEntry this[Guid diskId] => _disks[diskId];

    public DiskEntry Only => _held[0];

    public IReadOnlyList<DiskEntry> All => _held;

    public void Add(DiskEntry disk)
    {
        _disks[disk.Id] = disk;
        _held.Add(disk);
    }

    public void Dispose()
    {
        foreach (var disk in _held)
        {
            _ = disk.Gate.Release();
        }

        _held.Clear();
    }
}
