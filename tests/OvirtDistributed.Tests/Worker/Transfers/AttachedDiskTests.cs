// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Transports.DiskAttachment;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Transfers;

/// <summary>Disks that are attached to the worker's machine: real block devices, found by their serial.</summary>
public sealed class AttachedDiskTests
{
    private const int MiB = 1 << 20;

    private static readonly Guid Disk = Guid.Parse("6f9a7c1e-3c0b-4d7e-9a51-0123456789ab");

    [Theory]
    [InlineData("scsi-0QEMU_QEMU_HARDDISK_", 36)]
    [InlineData("scsi-0QEMU_QEMU_HARDDISK_", 20)]
    [InlineData("virtio-", 20)]
    public async Task BackupAndRestore_AreIdentical(string prefix, int serialLength)
    {
        await using var site = await TransferSite.StartAsync();
        using var directory = new TemporaryDirectory();
        var original = Fill(directory.File("source.raw"), 24 * MiB);
        await using var source = await LoopDevice.StartAsync(original, site.DeviceDirectory, prefix + Disk.ToString("D")[..serialLength]);

        // A partition's link must not be taken for the disk's.
        File.CreateSymbolicLink(Path.Combine(site.DeviceDirectory, $"{prefix}{Disk.ToString("D")[..serialLength]}-part1"), "/dev/null");
        var backup = site.AttachedBackupOrder(Disk, 24 * MiB);
        var (result, statistics) = await site.RunAsync(backup);
        var point = await site.CommitAsync(backup, result);

        Assert.Equal("device", statistics.Route);
        var target = Guid.NewGuid();
        var restored = directory.File("target.raw");
        await File.WriteAllBytesAsync(restored, Noise(9, 24 * MiB), TestContext.Current.CancellationToken);
        await using (await LoopDevice.StartAsync(restored, site.DeviceDirectory, prefix + target.ToString("D")[..serialLength]))
        {
            // The target is not empty: what the point has as zeroes must be zeroed, and the checksum read back from the device agrees.
            var (written, _) = await site.RunAsync(site.AttachedRestoreOrder(target, point, 24 * MiB, targetIsZero: false));
            Assert.StartsWith("sha256:", written.Checksum, StringComparison.Ordinal);
        }

        Assert.True(File.ReadAllBytes(original).AsSpan().SequenceEqual(File.ReadAllBytes(restored)));
    }

    [Fact]
    public async Task DeviceHasAnotherSize_IsRefusedAndNotWritten()
    {
        using var directory = new TemporaryDirectory();
        var file = Fill(directory.File("disk.raw"), 4 * MiB);
        await using var device = await LoopDevice.StartAsync(file, directory.File("devices"), $"virtio-{Disk.ToString("D")[..20]}");

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => OpenAsync(directory, 8 * MiB, writable: true));

        Assert.Equal(FailureCode.BadOrder, failure.Code);
        Assert.Contains("4194304 bytes", failure.Message, StringComparison.Ordinal);
        Assert.Contains("nothing was touched", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DeviceIsInUseOnTheWorker_IsRefused()
    {
        using var directory = new TemporaryDirectory();
        var file = Fill(directory.File("disk.raw"), 4 * MiB);
        await using var device = await LoopDevice.StartAsync(file, directory.File("devices"), $"scsi-0QEMU_QEMU_HARDDISK_{Disk:D}");
        using var other = BlockDevice.Open(device.Path, writable: false);

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => OpenAsync(directory, 4 * MiB, writable: true));

        Assert.Contains("in use on the worker", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TwoDevicesWithTheSameBeginning_NeitherIsTaken()
    {
        using var directory = new TemporaryDirectory();
        var devices = directory.File("devices");
        await using var first = await LoopDevice.StartAsync(Fill(directory.File("a.raw"), 4 * MiB), devices, $"virtio-{Disk.ToString("D")[..20]}");
        await using var second = await LoopDevice.StartAsync(Fill(directory.File("b.raw"), 4 * MiB), devices, $"scsi-0QEMU_QEMU_HARDDISK_{Disk.ToString("D")[..20]}");

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => OpenAsync(directory, 4 * MiB, writable: true));

        Assert.Contains(first.Path, failure.Message, StringComparison.Ordinal);
        Assert.Contains(second.Path, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DeviceNeverAppears_SaysWhereItWasLookedFor()
    {
        using var directory = new TemporaryDirectory();
        var time = new ManualTimeProvider();
        var opening = new DeviceFinder(directory.File("devices"), time).OpenAsync(Disk, 4 * MiB, writable: false, TestContext.Current.CancellationToken);
        while (!opening.IsCompleted)
        {
            await Task.WhenAny(opening, time.WaitForTimerDueWithinAsync(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken)).WithinDeadline();
            time.Advance(TimeSpan.FromSeconds(1));
        }

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => opening);
        Assert.Contains(directory.File("devices"), failure.Message, StringComparison.Ordinal);
        Assert.Contains(Disk.ToString("D"), failure.Message, StringComparison.Ordinal);
    }

    private static async Task OpenAsync(TemporaryDirectory directory, long size, bool writable) =>
        (await new DeviceFinder(directory.File("devices"), TimeProvider.System).OpenAsync(Disk, size, writable, TestContext.Current.CancellationToken)).Dispose();

    /// <summary>Data, zeroes, and an end that is not aligned to chunks.</summary>
    private static string Fill(string file, int size)
    {
        var content = new byte[size];
        Noise(1, size / 4).CopyTo(content, 0);
        Noise(2, size / 3).CopyTo(content, size - (size / 3));
        File.WriteAllBytes(file, content);
        return file;
    }

    private static byte[] Noise(int seed, int length)
    {
        var data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }
}
