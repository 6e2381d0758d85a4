// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Engine.Backups;
using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Engine.Transfers;
using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Server.Managers;

/// <summary>An engine over its REST API: the client's words in the server's, and its errors in what jobs decide by.</summary>
internal sealed partial class OvirtEngine(OvirtEngineClient client, EngineCapabilities? capabilities = null) : IEngine
{
    public Task<EngineProductInfo> ReadProductAsync(CancellationToken cancellationToken) => CallAsync(async () =>
    {
        var product = await client.Inventory.GetProductAsync(cancellationToken);
        return new EngineProductInfo(product.Kind switch
        {
            Ovirt.Engine.Inventory.ProductKind.Ovirt => "oVirt",
            Ovirt.Engine.Inventory.ProductKind.Olvm => "OLVM",
            Ovirt.Engine.Inventory.ProductKind.Rhv => "RHV",
            _ => product.Name,
        }, product.FullVersion);
    });

    public Task<EngineVm?> FindVmAsync(Guid vmId, CancellationToken cancellationToken) => CallAsync(async () =>
        await client.Vms.FindWithDetailsAsync(new VmId(vmId), cancellationToken) is { } vm
            ? ToVm(vm, await ReadNetworksAsync(vm.Nics, cancellationToken))
            : null);

    public Task<string> ReadOvfAsync(Guid vmId, CancellationToken cancellationToken) =>
        CallAsync(() => client.Vms.GetOvfAsync(new VmId(vmId), cancellationToken));

    public Task StartBackupAsync(EngineBackupStart start, CancellationToken cancellationToken) => CallAsync(() => client.Backups.StartAsync(
        new StartBackup
        {
            Id = new BackupId(start.BackupId),
            Vm = new VmId(start.VmId),
            Disks = [.. start.Disks.Select(disk => new DiskId(disk))],
            FromCheckpoint = start.FromCheckpointId is { } checkpoint ? new CheckpointId(checkpoint) : null,
            Description = start.Description,
            RequireConsistency = start.RequireConsistency,
        },
        new CorrelationId(start.CorrelationId),
        cancellationToken));

    public Task<EngineBackup?> FindBackupAsync(Guid vmId, Guid backupId, CancellationToken cancellationToken) => CallAsync(async () =>
        await client.Backups.FindAsync(new VmId(vmId), new BackupId(backupId), cancellationToken) is { } backup ? ToBackup(backup) : null);

    public Task<IReadOnlyList<EngineBackup>> ListBackupsAsync(Guid vmId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineBackup>>(async () =>
            [.. (await client.Backups.ListAsync(new VmId(vmId), cancellationToken)).Select(ToBackup)]);

    public Task<IReadOnlyDictionary<Guid, bool?>> ListBackupDisksAsync(Guid vmId, Guid backupId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyDictionary<Guid, bool?>>(async () =>
            (await client.Backups.ListDisksAsync(new VmId(vmId), new BackupId(backupId), cancellationToken)).ToDictionary(
                disk => disk.Id.Value,
                disk => disk.BackupMode switch
                {
                    DiskBackupMode.Incremental => true,
                    DiskBackupMode.Full => false,
                    _ => (bool?)null,
                }));

    public Task FinalizeBackupAsync(Guid vmId, Guid backupId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(() =>
        client.Backups.FinalizeAsync(new VmId(vmId), new BackupId(backupId), new CorrelationId(correlationId), cancellationToken));

    public async Task<EngineException> ExplainBackupFailureAsync(
        Guid vmId, Guid backupId, bool consistencyRequired, CancellationToken cancellationToken)
    {
        try
        {
            // The client reads the events of a backup that failed and says what they mean; it returns at once for one that did.
            await CallAsync(() => client.Backups.WaitUntilReadyAsync(new VmId(vmId), new BackupId(backupId), consistencyRequired, cancellationToken));
            return new EngineException(EngineFailure.Locked, $"Backup {backupId} became ready while its failure was being looked at.");
        }
        catch (EngineException failure) when (failure.Failure is EngineFailure.CheckpointUnusable or EngineFailure.GuestNotFrozen or EngineFailure.Failed)
        {
            return failure;
        }
    }

    public Task<IReadOnlyList<EngineCheckpoint>> ListCheckpointsAsync(Guid vmId, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineCheckpoint>>(async () =>
            [.. (await client.Backups.ListCheckpointsAsync(new VmId(vmId), cancellationToken))
                .OrderBy(checkpoint => checkpoint.CreationTime)
                .Select(checkpoint => new EngineCheckpoint(
                    checkpoint.Id.Value, checkpoint.Description ?? "", checkpoint.CreationTime, checkpoint.State != CheckpointState.Invalid))]);

    public Task DeleteCheckpointAsync(Guid vmId, Guid checkpointId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(() =>
        client.Backups.DeleteCheckpointAsync(new VmId(vmId), new CheckpointId(checkpointId), new CorrelationId(correlationId), cancellationToken));

    public Task<EngineTransfer> CreateTransferAsync(EngineTransferStart start, CancellationToken cancellationToken) => CallAsync(async () =>
    {
        var request = start switch
        {
            { BackupId: { } backup } => CreateImageTransfer.DownloadFromBackup(new DiskId(start.DiskId), new BackupId(backup)),
            { File: { OnTemplate: true } } => CreateImageTransfer.DownloadFile(new DiskId(start.DiskId)),
            { File: { } file } => CreateImageTransfer.DownloadFile(new ImageId(file.Id)),
            { Layer: { } layer } => CreateImageTransfer.DownloadSnapshot(new ImageId(layer.Id), layer.Alone),
            _ => CreateImageTransfer.UploadToDisk(new DiskId(start.DiskId)),
        };
        var transfer = await client.Transfers.CreateAsync(
            request with { InactivityTimeout = start.InactivityTimeout, Capabilities = capabilities ?? EngineCapabilities.Newest }, new CorrelationId(start.CorrelationId), cancellationToken);
        return ToTransfer(transfer);
    });

    public Task<EngineTransfer?> FindTransferAsync(Guid transferId, CancellationToken cancellationToken) => CallAsync(async () =>
        await client.Transfers.FindAsync(new TransferId(transferId), cancellationToken) is { } transfer ? ToTransfer(transfer) : null);

    public Task<IReadOnlyList<EngineTransfer>> ListTransfersAsync(CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineTransfer>>(async () => [.. (await client.Transfers.ListAsync(cancellationToken)).Select(ToTransfer)]);

    public Task FinalizeTransferAsync(Guid transferId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(() => client.Transfers.FinalizeAsync(new TransferId(transferId), new CorrelationId(correlationId), cancellationToken));

    public Task CancelTransferAsync(Guid transferId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(() => client.Transfers.CancelAsync(new TransferId(transferId), new CorrelationId(correlationId), cancellationToken));

    public Task CreateDiskAsync(EngineDiskStart start, CancellationToken cancellationToken) => CallAsync(() => client.Disks.CreateAsync(
        new CreateDisk
        {
            Id = new DiskId(start.Id),
            Name = start.Alias,
            Description = start.Description,
            ProvisionedSizeBytes = start.SizeBytes,
            Configuration = new DiskConfiguration(start.Format == "raw" ? DiskFormat.Raw : DiskFormat.Cow, start.Sparse, start.IncrementalEnabled),
            StorageDomain = new StorageDomainId(start.StorageDomainId),
            InitialSizeBytes = start.InitialSizeBytes,
            WipeAfterDelete = start.WipeAfterDelete,
        },
        new CorrelationId(start.CorrelationId),
        cancellationToken));

    public Task<EngineDisk?> FindDiskAsync(Guid diskId, CancellationToken cancellationToken) => CallAsync(async () =>
        await client.Disks.FindAsync(new DiskId(diskId), cancellationToken) is { } disk ? ToDisk(disk, null) : null);

    public Task<IReadOnlyList<EngineDisk>> ListDisksAsync(string descriptionPart, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineDisk>>(async () =>
        {
            var found = new List<EngineDisk>();
            await foreach (var disk in client.Disks.ListAsync(null, cancellationToken))
            {
                if (disk.Description?.Contains(descriptionPart, StringComparison.Ordinal) == true)
                {
                    found.Add(ToDisk(disk, null));
                }
            }

            return found;
        });

    public Task DeleteDiskAsync(Guid diskId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(() => client.Disks.DeleteAsync(new DiskId(diskId), new CorrelationId(correlationId), cancellationToken));

    public Task DescribeDiskAsync(Guid diskId, string description, Guid correlationId, CancellationToken cancellationToken) => CallAsync(() =>
        client.Disks.UpdateAsync(new DiskId(diskId), new UpdateDisk { Description = description }, new CorrelationId(correlationId), cancellationToken));

    public Task EnableIncrementalAsync(Guid diskId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(() =>
        client.Disks.UpdateAsync(new DiskId(diskId), new UpdateDisk { IncrementalBackup = true }, new CorrelationId(correlationId), cancellationToken));

    public Task<Guid> CreateVmAsync(EngineVmStart start, CancellationToken cancellationToken) => CallAsync(async () =>
    {
        var correlation = new CorrelationId(start.CorrelationId);
        var vm = start.Ovf is { } ovf
            ? await client.Vms.CreateFromOvfAsync(
                new CreateVmFromOvf { Name = start.Name, Cluster = new ClusterId(start.ClusterId), Ovf = ovf, RegenerateIds = true, Description = start.Description },
                correlation,
                cancellationToken)
            : await client.Vms.CreateAsync(
                new CreateVm
                {
                    Name = start.Name,
                    Cluster = new ClusterId(start.ClusterId),
                    Description = start.Description,
                    MemoryBytes = start.Like.MemoryBytes > 0 ? start.Like.MemoryBytes : null,
                    Cpu = new CpuTopology(start.Like.CpuSockets, start.Like.CpuCores, start.Like.CpuThreads),
                    OsType = start.Like.OsType.Length > 0 ? start.Like.OsType : null,
                    BiosType = start.Like.BiosType.Length > 0 ? start.Like.BiosType : null,
                },
                correlation,
                cancellationToken);
        return vm.Id.Value;
    });

    public Task<IReadOnlyList<EngineVm>> FindVmsByNameAsync(string name, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineVm>>(async () =>
        {
            var found = new List<EngineVm>();
            await foreach (var vm in client.Vms.ListAsync(EngineSearch.Equal("name", name), withDetails: false, cancellationToken))
            {
                if (string.Equals(vm.Name, name, StringComparison.OrdinalIgnoreCase))
                {
                    found.Add(ToVm(vm, NetworkNames.None));
                }
            }

            return found;
        });

    public Task DescribeVmAsync(Guid vmId, string description, Guid correlationId, CancellationToken cancellationToken) => CallAsync(() =>
        client.Vms.UpdateAsync(new VmId(vmId), new UpdateVm { Description = description }, new CorrelationId(correlationId), cancellationToken));

    public Task<IReadOnlyList<string>> ListGuestAddressesAsync(Guid vmId, CancellationToken cancellationToken) => CallAsync<IReadOnlyList<string>>(async () =>
        [.. (await client.Vms.ListNicsAsync(new VmId(vmId), cancellationToken)).Where(nic => nic.Plugged).SelectMany(nic => nic.Addresses).Distinct()]);

    public Task AddNicAsync(Guid vmId, EngineNic nic, Guid correlationId, CancellationToken cancellationToken) => CallAsync(() => client.Vms.AddNicAsync(
        new VmId(vmId),
        new NicSettings
        {
            Name = nic.Name,
            Interface = nic.Interface,
            MacAddress = nic.Mac,
            Profile = nic.VnicProfileId is { } profile ? new VnicProfileId(profile) : null,
            Linked = nic.Linked,
            Plugged = nic.Plugged,
        },
        new CorrelationId(correlationId),
        cancellationToken));

    public Task<IReadOnlyDictionary<string, string>> ListMacAddressesAsync(CancellationToken cancellationToken) => CallAsync<IReadOnlyDictionary<string, string>>(async () =>
    {
        var addresses = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        await foreach (var vm in client.Vms.ListAsync(null, withDetails: true, cancellationToken))
        {
            foreach (var address in (vm.Nics ?? []).Select(nic => nic.MacAddress).OfType<string>())
            {
                addresses[address] = vm.Name;
            }
        }

        return addresses;
    });

    public Task DeleteVmAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(() =>
        client.Vms.DeleteAsync(new VmId(vmId), keepDisks: true, force: false, new CorrelationId(correlationId), cancellationToken));

    public Task StartVmAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(() => client.Vms.StartAsync(new VmId(vmId), new CorrelationId(correlationId), cancellationToken));

    public Task StopVmAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(() => client.Vms.StopAsync(new VmId(vmId), force: false, new CorrelationId(correlationId), cancellationToken));

    /// <summary>What an error of the client means to a job.</summary>
    internal static EngineFailure FailureOf(OvirtError error) => error switch
    {
        OvirtError.EngineUnavailable or OvirtError.Timeout => EngineFailure.Unreachable,
        OvirtError.Unauthorized or OvirtError.Forbidden or OvirtError.TlsUntrusted => EngineFailure.Unauthorized,
        OvirtError.Locked => EngineFailure.Locked,
        OvirtError.NotFound => EngineFailure.NotFound,
        OvirtError.BadRequest or OvirtError.Conflict or OvirtError.Unsupported or OvirtError.InvalidSettings => EngineFailure.Refused,
        OvirtError.CheckpointUnusable => EngineFailure.CheckpointUnusable,
        OvirtError.GuestNotFrozen => EngineFailure.GuestNotFrozen,
        OvirtError.EngineFailed or OvirtError.BackupFailed or OvirtError.TransferFailed or OvirtError.JobFailed or OvirtError.DiskIllegal
            or OvirtError.SnapshotFailed => EngineFailure.Failed,
        _ => EngineFailure.Unknown,
    };

    private static async Task<T> CallAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (OvirtException failure)
        {
            throw new EngineException(FailureOf(failure.Error), failure.Message, failure);
        }
    }

    /// <summary>Of what is gone: <paramref name="gone"/>.</summary>
    private static async Task<T> CallAsync<T>(Func<Task<T>> call, T gone)
    {
        try
        {
            return await CallAsync(call);
        }
        catch (EngineException failure) when (failure.Failure == EngineFailure.NotFound)
        {
            return gone;
        }
    }

    /// <summary>What is gone already needs nothing done to it.</summary>
    private static async Task CallUnlessGoneAsync(Func<Task> call) => _ = await CallAsync(
        async () =>
        {
            await call();
            return true;
        },
        gone: false);

    private static async Task CallAsync(Func<Task> call) => await CallAsync(async () =>
    {
        await call();
        return true;
    });
}
