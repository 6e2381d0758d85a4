// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Benchmarks.Contenders;

namespace OvirtDistributed.Benchmarks.Report;

/// <summary>The targets: which figure of ours is set against which rival's, and what it may be at most.</summary>
internal static class Targets
{
    private const string Restic = "restic";
    private const string Borg = "borg";
    private const string QemuImg = "qemu-img";

    private static readonly Target[] PerWay =
    [
        new(Quantity.Full, Restic, 0.60, 0.45),
        new(Quantity.Full, Borg, 0.65, 0.52),
        new(Quantity.Full, QemuImg, 1.15, 0.90),
        new(Quantity.Incremental, Restic, 0.15, 0.07),
        new(Quantity.Incremental, Borg, 0.25, 0.12),
        new(Quantity.Restore, Restic, 0.40, 0.28),
        new(Quantity.Restore, Borg, 0.55, 0.40),
        new(Quantity.Restore, QemuImg, 1.5, 1.1),
        new(Quantity.WorkerPeak, null, 160, 120),
        new(Quantity.MoverPeak, null, 128, 96),
        new(Quantity.WorkerAllocated, null, 32, 12),
        new(Quantity.MoverAllocated, null, 32, 12),
    ];

    // The rest of such a backup and its restore is that of a tracked one.
    private static readonly Target[] WithoutTracking =
    [
        new(Quantity.Incremental, Restic, 0.45, 0.30),
        new(Quantity.Incremental, Borg, 0.75, 0.50),
    ];

    // What is stored does not depend on the way the disk was read.
    private static readonly Target[] Once =
    [
        new(Quantity.SizeAfterFull, Restic, 1.08, 1.00),
        new(Quantity.IncrementalGrowth, Restic, 0.15, 0.12),
        new(Quantity.SecondDiskGrowth, Borg, 0.30, 0.20),
    ];

    /// <summary>All rows for which there are samples.</summary>
    public static List<Measure> Evaluate(Samples samples)
    {
        List<Measure?> measures = [.. Rows(samples, PerWay, OvdContender.ImageIo), .. Rows(samples, PerWay, OvdContender.File), .. Rows(samples, WithoutTracking, OvdContender.Untracked)];
        measures.AddRange(Once.Select(target => Row(samples, target, OvdContender.ImageIo, string.Empty)));
        return [.. measures.OfType<Measure>()];
    }

    private static IEnumerable<Measure?> Rows(Samples samples, IEnumerable<Target> targets, string way) =>
        targets.Select(target => Row(samples, target, way, $", {way}"));

    private static Measure? Row(Samples samples, Target target, string way, string suffix)
    {
        var ours = samples.Median(way, target.Quantity);
        var rival = target.Rival is null ? null : samples.Median(target.Rival, target.Quantity);
        if (ours is null || (target.Rival is not null && rival is null))
        {
            return null;
        }

        var name = target.Rival is null ? target.Quantity : $"{target.Quantity} ÷ {target.Rival}";
        return new Measure(name + suffix, ours.Value, target.Rival, rival, target.Gate, target.Goal);
    }

    private sealed record Target(string Quantity, string? Rival, double? Gate, double? Goal);
}
