// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Engine.Backups;
using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Transfers;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Conformance;

public abstract partial class EngineConformance
{
    [Theory]
    [InlineData("web")]
    [InlineData("db")]
    public async Task FullThenIncrementalBackup_GivesTheDisksBitForBit(string name)
    {
        await using var site = await StartAsync();
        await BackUpTwiceAsync(site, name);
    }

    private protected static async Task BackUpTwiceAsync(IEngineSite site, string name)
    {
        await using var client = Connect(site);
        var vm = await FindVmAsync(client, name);
        var disks = vm.DiskAttachments!.Select(attachment => attachment.DiskId).ToList();

        var expected = await ReadAllAsync(site, disks);
        var full = await BackUpAsync(site, client, vm.Id, disks, from: null, before: null);
        AssertSame(expected, full.Images);
        Assert.All(full.Modes, mode => Assert.Equal(DiskBackupMode.Full, mode));

        await site.WriteDiskAsync(disks[0], 3 << 20, Random(1, 300_000));
        await site.TrimDiskAsync(disks[0], 8 << 20, 4 << 20);
        expected = await ReadAllAsync(site, disks);
        var incremental = await BackUpAsync(site, client, vm.Id, disks, full.Checkpoint, full.Images);

        AssertSame(expected, incremental.Images);
        Assert.All(incremental.Modes, mode => Assert.Equal(DiskBackupMode.Incremental, mode));
        Assert.InRange(incremental.ReadBytes, 300_000, 1_000_000);
        var checkpoints = await client.Backups.ListCheckpointsAsync(vm.Id, None).WithinDeadline();
        Assert.Equal([full.Checkpoint, incremental.Checkpoint], checkpoints.Select(checkpoint => (CheckpointId?)checkpoint.Id));
        Assert.Equal(disks.ToHashSet(), (await client.Backups.ListCheckpointDisksAsync(vm.Id, checkpoints[1].Id, None).WithinDeadline()).ToHashSet());
        foreach (var checkpoint in checkpoints)
        {
            Assert.Equal(CheckpointState.Created, checkpoint.State);
            await client.Backups.DeleteCheckpointAsync(vm.Id, checkpoint.Id, CorrelationId.New(), None).WithinDeadline();
            await client.Backups.WaitUntilCheckpointGoneAsync(vm.Id, checkpoint.Id, None).WithinDeadline();
        }

        await AssertNothingLeftAsync(site);
    }

    [Fact]
    public async Task CheckpointIsUnknown_SaysThatAFullBackupIsNeeded()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var vm = await FindVmAsync(client, "web");

        var failure = await Assert.ThrowsAsync<OvirtException>(async () =>
        {
            var backup = await client.Backups.StartAsync(
                new StartBackup
                {
                    Id = EngineId.New<BackupId>(),
                    Vm = vm.Id,
                    Disks = [vm.DiskAttachments![0].DiskId],
                    FromCheckpoint = EngineId.New<CheckpointId>(),
                },
                CorrelationId.New(),
                None);
            await client.Backups.WaitUntilReadyAsync(vm.Id, backup.Id, consistencyRequired: false, None);
        }).WithinDeadline();

        Assert.Equal(OvirtError.CheckpointUnusable, failure.Error);
        await AssertNothingLeftAsync(site);
    }

    [Fact]
    public async Task AnswerOfStartIsLost_OneBackupIsStarted()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var vm = await FindVmAsync(client, "web");
        var exercised = site.LoseNextAnswer("POST", "/vms/*/backups");

        var backup = await StartAsync(client, vm.Id, [vm.DiskAttachments![0].DiskId], from: null);

        Assert.True(exercised());
        Assert.Equal(backup.Id, Assert.Single(await client.Backups.ListAsync(vm.Id, None).WithinDeadline()).Id);
        await EndAsync(client, vm.Id, backup.Id);
    }

    [Fact]
    public async Task BackupIsFinalizedTwice_IsFine()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var vm = await FindVmAsync(client, "db");
        var backup = await StartAsync(client, vm.Id, [vm.DiskAttachments![0].DiskId], from: null);

        await client.Backups.FinalizeAsync(vm.Id, backup.Id, CorrelationId.New(), None).WithinDeadline();
        await client.Backups.FinalizeAsync(vm.Id, backup.Id, CorrelationId.New(), None).WithinDeadline();
        var end = await client.Backups.WaitUntilEndedAsync(vm.Id, backup.Id, None).WithinDeadline();
        await client.Backups.FinalizeAsync(vm.Id, backup.Id, CorrelationId.New(), None).WithinDeadline();

        Assert.Equal(BackupOutcome.Succeeded, end.Outcome);
        await AssertNothingLeftAsync(site);
    }

    [Fact]
    public async Task TransferOfBackupIsAbandoned_DisposalEndsItAndTheBackupCanEnd()
    {
        await using var site = await StartAsync();
        await using var client = Connect(site);
        var vm = await FindVmAsync(client, "web");
        var disk = vm.DiskAttachments![0].DiskId;
        var backup = await StartAsync(client, vm.Id, [disk], from: null);

        var lease = await OpenAsync(client, CreateImageTransfer.DownloadFromBackup(disk, backup.Id));
        await lease.DisposeAsync();

        await EndAsync(client, vm.Id, backup.Id);
        Assert.True(lease.IsEnded);
        await AssertNothingLeftAsync(site);
    }

    private static async Task<byte[]> ReadAllAsync(IEngineSite site, IEnumerable<DiskId> disks)
    {
        var all = new MemoryStream();
        foreach (var disk in disks)
        {
            all.Write(await site.ReadDiskAsync(disk));
        }

        return all.ToArray();
    }

    private static async Task<Backup> StartAsync(OvirtEngineClient client, VmId vm, IReadOnlyList<DiskId> disks, CheckpointId? from)
    {
        var request = new StartBackup { Id = EngineId.New<BackupId>(), Vm = vm, Disks = disks, FromCheckpoint = from, Description = "conformance" };
        var started = await client.Backups.StartAsync(request, CorrelationId.New(), None).WithinDeadline();
        Assert.Equal(request.Id, started.Id);
        var ready = await client.Backups.WaitUntilReadyAsync(vm, started.Id, consistencyRequired: false, None).WithinDeadline();
        Assert.Equal(from, ready.FromCheckpoint);
        return ready;
    }

    private static async Task EndAsync(OvirtEngineClient client, VmId vm, BackupId backup)
    {
        await client.Backups.FinalizeAsync(vm, backup, CorrelationId.New(), None).WithinDeadline();
        var end = await client.Backups.WaitUntilEndedAsync(vm, backup, None).WithinDeadline();
        Assert.True(end.Outcome == BackupOutcome.Succeeded, end.Reason);
    }

    private static async Task<(byte[] Images, long ReadBytes, IReadOnlyList<DiskBackupMode> Modes, CheckpointId? Checkpoint)> BackUpAsync(
        IEngineSite site, OvirtEngineClient client, VmId vm, IReadOnlyList<DiskId> disks, CheckpointId? from, byte[]? before)
    {
        var backup = await StartAsync(client, vm, disks, from);
        var modes = (await client.Backups.ListDisksAsync(vm, backup.Id, None).WithinDeadline()).ToDictionary(disk => disk.Id, disk => disk.BackupMode);
        var images = new MemoryStream();
        long readBytes = 0;
        foreach (var disk in disks)
        {
            await using var lease = await OpenAsync(client, CreateImageTransfer.DownloadFromBackup(disk, backup.Id));
            await using (var image = await ConnectAsync(site, lease, ImageAccess.Read))
            {
                var size = (int)await image.GetSizeAsync(None).WithinDeadline();
                var start = (int)images.Length;
                var context = modes[disk] == DiskBackupMode.Incremental ? ExtentContext.Dirty : ExtentContext.Zero;
                var (content, read) = await DownloadAsync(image, context, before?[start..(start + size)]);
                images.Write(content);
                readBytes += read;
            }

            Assert.NotEqual(TransferEnd.Failed, await lease.CompleteAsync().WithinDeadline());
        }

        await EndAsync(client, vm, backup.Id);
        return (images.ToArray(), readBytes, [.. modes.Values], backup.ToCheckpoint);
    }
}
