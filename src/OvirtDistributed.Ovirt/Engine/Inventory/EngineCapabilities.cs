// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

/// <summary>What an engine of some version can do (versions from the API's own model documents).</summary>
public sealed record EngineCapabilities
{
    /// <summary>Image transfers that give a URL on the host itself. 4.2.</summary>
    public required bool DirectTransfers { get; init; }

    /// <summary>A transfer says whether it moves the disk's content or the bytes of its volume file; before, it is always the file. 4.3.5.</summary>
    public required bool TransferFormat { get; init; }

    /// <summary>Backups with checkpoints. 4.4, where libvirt and qemu can do it.</summary>
    public required bool Backups { get; init; }

    /// <summary>Shallow transfers, backup_mode of disks, snapshots of one disk. 4.4.3.</summary>
    public required bool ShallowTransfers { get; init; }

    /// <summary>A backup may insist on frozen file systems. 4.4.4.</summary>
    public required bool RequireConsistency { get; init; }

    /// <summary>What happens to an idle transfer can be chosen. 4.4.5.</summary>
    public required bool TransferTimeoutPolicy { get; init; }

    /// <summary>Ended backups and transfers stay readable for a while, and checkpoints have a state. Before 4.4.7 the end shows only as 404 and events.</summary>
    public required bool EndedEntitiesKept { get; init; }

    /// <summary>Disks can be converted between raw and cow. 4.5.</summary>
    public required bool DiskConversion { get; init; }

    /// <summary>Of an engine whose version is not known: it refuses what it cannot do, and says why.</summary>
    public static EngineCapabilities Newest { get; } = Of(new Version(int.MaxValue, 0));

    /// <summary>From a version as the engine writes it, such as <c>4.3.10.4-1.el7</c>; one that cannot be read is taken for a new one.</summary>
    public static EngineCapabilities OfText(string fullVersion)
    {
        ArgumentNullException.ThrowIfNull(fullVersion);
        var numbers = new List<int>();
        foreach (var part in fullVersion.Split('.', '-', '_').Take(3))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                break;
            }

            numbers.Add(number);
        }

        return numbers.Count < 2 ? Newest : Of(new Version(numbers[0], numbers[1], numbers.ElementAtOrDefault(2)));
    }

    public static EngineCapabilities Of(Version version)
    {
        ArgumentNullException.ThrowIfNull(version);
        return new EngineCapabilities
        {
            DirectTransfers = version >= new Version(4, 2),
            TransferFormat = version >= new Version(4, 3, 5),
            Backups = version >= new Version(4, 4),
            ShallowTransfers = version >= new Version(4, 4, 3),
            RequireConsistency = version >= new Version(4, 4, 4),
            TransferTimeoutPolicy = version >= new Version(4, 4, 5),
            EndedEntitiesKept = version >= new Version(4, 4, 7),
            DiskConversion = version >= new Version(4, 5),
        };
    }
}

/// <summary>What a cluster of some compatibility level can do.</summary>
public sealed record ClusterCapabilities
{
    /// <summary>A VM that is down can be backed up, full and incremental disks may mix, and disks need no switch for incremental backups. Level 4.5.</summary>
    public required bool ColdBackup { get; init; }

    /// <summary>The engine backs up by a snapshot of its own unless told otherwise. Level 4.7.</summary>
    public required bool HybridBackupByDefault { get; init; }

    public static ClusterCapabilities Of(Version compatibilityLevel)
    {
        ArgumentNullException.ThrowIfNull(compatibilityLevel);
        return new ClusterCapabilities
        {
            ColdBackup = compatibilityLevel >= new Version(4, 5),
            HybridBackupByDefault = compatibilityLevel >= new Version(4, 7),
        };
    }
}
