// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>A transport mode for a VM, with the reason; or why the one that was asked for cannot work.</summary>
internal sealed record TransportChoice(string Mode, string Reason, string? Refusal = null)
{
    /// <summary>Why mode ssh is refused.</summary>
    public const string NeedsSsh = "transport mode ssh needs SSH access to the manager's hosts, which is not set up: ovd manager set-ssh";

    private static readonly Version LayersSince = new(4, 4, 3);
    private static readonly Version CbtSince = new(4, 4, 0);
    private static readonly Version ImageTransferSince = new(4, 2, 0);

    /// <summary>Decides from what is known without asking the manager. One mode for all disks of a VM: they have to be of one moment.</summary>
    /// <param name="requested">A mode's name, or <see cref="TransportModes.Auto"/>.</param>
    /// <param name="productVersion">As the manager says it, such as <c>4.5.4-1.el8</c>; empty when not known yet.</param>
    /// <param name="cluster">The VM's.</param>
    /// <param name="vm">The VM.</param>
    /// <param name="excluded">Ids, aliases or patterns of disks that are left out.</param>
    /// <param name="hasSsh">The manager's hosts can be reached over SSH.</param>
    /// <param name="freezes">The guest is to be frozen by us, which needs a snapshot of ours while the VM runs.</param>
    public static TransportChoice Decide(
        string requested, string productVersion, EngineCluster cluster, EngineVm vm, IReadOnlyList<string> excluded, bool hasSsh = false, bool freezes = false) => requested switch
        {
            TransportModes.Cbt => Forced(requested, productVersion, CbtSince),
            TransportModes.ImageTransfer => Forced(requested, productVersion, ImageTransferSince),
            TransportModes.DiskAttachment or TransportModes.ExportDomain => new TransportChoice(requested, "asked for"),
            TransportModes.Ssh when hasSsh => new TransportChoice(requested, "asked for"),
            TransportModes.Ssh => new TransportChoice(requested, "asked for", NeedsSsh),
            _ => Automatic(productVersion, cluster, vm, excluded, freezes),
        };

    /// <summary>Whether the manager can give one layer of a disk alone, which an incremental in a snapshot mode needs.</summary>
    public static bool GivesLayers(string productVersion) => IsAtLeast(productVersion, LayersSince);

    private static TransportChoice Forced(string mode, string productVersion, Version since) =>
        IsAtLeast(productVersion, since)
            ? new TransportChoice(mode, "asked for")
            : new TransportChoice(mode, "asked for", $"transport mode {mode} needs a manager of version {since.Major}.{since.Minor} or later, this one is {productVersion}");

    private static TransportChoice Automatic(string productVersion, EngineCluster cluster, EngineVm vm, IReadOnlyList<string> excluded, bool freezes)
    {
        if (!IsAtLeast(productVersion, CbtSince))
        {
            return IsAtLeast(productVersion, ImageTransferSince)
                ? new TransportChoice(TransportModes.ImageTransfer, $"the manager ({productVersion}) has no changed block tracking, which came with 4.4")
                : new TransportChoice(TransportModes.DiskAttachment, $"the manager ({productVersion}) is older than 4.2, the first version with image transfers");
        }

        if (freezes && vm.Status == "up")
        {
            return new TransportChoice(TransportModes.ImageTransfer, "the guest is to be frozen around a snapshot (--consistency freeze), and changed block tracking has none of ours");
        }

        // A disk that only the snapshot would take decides for all.
        var outside = vm.Disks.FirstOrDefault(disk =>
            BackupPlan.SkipReason(disk, cluster, excluded, TransportModes.Cbt) is not null
            && BackupPlan.SkipReason(disk, cluster, excluded, TransportModes.ImageTransfer) is null);
        return outside is null
            ? new TransportChoice(TransportModes.Cbt, "the manager tracks changed blocks")
            : new TransportChoice(
                TransportModes.ImageTransfer,
                $"disk {outside.Alias} is not enabled for incremental backup, without which cluster level {cluster.Level} takes it into no backup: enable it (cow disks only) to use cbt");
    }

    // A version we cannot read is taken for a new one: the manager refuses what it cannot do, and says why.
    private static bool IsAtLeast(string version, Version least)
    {
        var numbers = version.Split('.', '-', '_').TakeWhile(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            .Select(part => int.Parse(part, CultureInfo.InvariantCulture)).Take(3).ToList();
        return numbers.Count < 2 || new Version(numbers[0], numbers[1], numbers.ElementAtOrDefault(2)) >= least;
    }
}
