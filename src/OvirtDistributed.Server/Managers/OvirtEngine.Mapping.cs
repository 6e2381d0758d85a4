// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Backups;
using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Engine.Transfers;
using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Server.Managers;

internal sealed partial class OvirtEngine
{
    public Task<EngineInventory> ReadInventoryAsync(CancellationToken cancellationToken) => CallAsync(async () =>
    {
        var inventory = client.Inventory;
        var profiles = await inventory.ListVnicProfilesAsync(cancellationToken);
        var networks = await inventory.ListNetworksAsync(null, cancellationToken).ToListAsync(cancellationToken);
        var names = NetworkNames.Of(networks, profiles);
        return new EngineInventory
        {
            DataCenters = [.. (await inventory.ListDataCentersAsync(null, cancellationToken).ToListAsync(cancellationToken))
                .Select(item => new EngineDataCenter(item.Id.Value, item.Name))],
            Clusters = [.. (await inventory.ListClustersAsync(null, cancellationToken).ToListAsync(cancellationToken)).Select(ToCluster)],
            Hosts = [.. (await inventory.ListHostsAsync(null, cancellationToken).ToListAsync(cancellationToken)).Select(ToHost)],
            StorageDomains = [.. (await inventory.ListStorageDomainsAsync(null, cancellationToken).ToListAsync(cancellationToken)).Select(item =>
                new EngineStorageDomain(
                    item.Id.Value, item.Name, Word(item.Type), Word(item.Location.Type), item.AvailableBytes ?? 0, item.UsedBytes ?? 0,
                    [.. item.DataCenters.Select(dataCenter => dataCenter.Value)]) { Location = item.Location is { Address: { } address, Path: { } path } ? $"{address}:{path}" : "" })],
            Networks = [.. networks.Select(item => new EngineNetwork(item.Id.Value, item.Name, item.DataCenter?.Value ?? Guid.Empty))],
            VnicProfiles = [.. profiles.Select(item => new EngineVnicProfile(item.Id.Value, item.Name, item.Network?.Value ?? Guid.Empty))],
            Tags = [.. (await inventory.ListTagsAsync(cancellationToken)).Select(item => new EngineTag(item.Id.Value, item.Name, item.Parent?.Value))],
            Vms = [.. (await client.Vms.ListAsync(null, withDetails: true, cancellationToken).ToListAsync(cancellationToken)).Select(vm => ToVm(vm, names))],
        };
    });

    /// <summary>The engine's words are lower case with underscores; the client's are enum members.</summary>
    internal static string Word<T>(T value)
        where T : struct, Enum => Database.SnakeCaseNames.Of(value.ToString());

    private async Task<NetworkNames> ReadNetworksAsync(IReadOnlyList<Nic>? nics, CancellationToken cancellationToken)
    {
        if (nics is not { Count: > 0 })
        {
            return NetworkNames.None;
        }

        var networks = await client.Inventory.ListNetworksAsync(null, cancellationToken).ToListAsync(cancellationToken);
        return NetworkNames.Of(networks, await client.Inventory.ListVnicProfilesAsync(cancellationToken));
    }

    private static EngineCluster ToCluster(Cluster cluster) => new(
        cluster.Id.Value, cluster.Name, cluster.DataCenter?.Value ?? Guid.Empty, cluster.CompatibilityLevel.Major, cluster.CompatibilityLevel.Minor);

    private static EngineHost ToHost(Ovirt.Engine.Inventory.Host host) => new(host.Id.Value, host.Name, host.Address, Word(host.Status), host.Cluster?.Value ?? Guid.Empty);

    private static EngineVm ToVm(Vm vm, NetworkNames names) => new()
    {
        Id = vm.Id.Value,
        Name = vm.Name,
        ClusterId = vm.Cluster?.Value ?? Guid.Empty,
        Status = Word(vm.Status),
        HostId = vm.Host?.Value,
        Description = vm.Description ?? "",
        MemoryBytes = vm.MemoryBytes,
        CpuSockets = (int)(vm.Cpu?.Sockets ?? 1),
        CpuCores = (int)(vm.Cpu?.Cores ?? 1),
        CpuThreads = (int)(vm.Cpu?.Threads ?? 1),
        OsType = vm.OsType ?? "",
        BiosType = vm.BiosType ?? "",
        HostedEngine = vm.IsHostedEngine,
        FromTemplate = vm.Template is { } template && template.Value != Guid.Empty,
        Disks = [.. (vm.DiskAttachments ?? []).Where(attachment => attachment.Disk is not null).Select(attachment => ToDisk(attachment.Disk!, attachment))],
        Nics = [.. (vm.Nics ?? []).Select(nic => ToNic(nic, names))],
        Tags = [.. (vm.Tags ?? []).Select(tag => tag.Name)],
    };

    private static EngineNic ToNic(Nic nic, NetworkNames names) => new()
    {
        Name = nic.Name,
        Interface = nic.Interface ?? "virtio",
        Mac = nic.MacAddress,
        VnicProfileId = nic.Profile?.Value,
        VnicProfile = nic.Profile is { } profile ? names.ProfileOf(profile) : null,
        Network = nic.Profile is { } on ? names.NetworkOf(on) : null,
        Linked = nic.Linked,
        Plugged = nic.Plugged,
    };

    private static EngineDisk ToDisk(Disk disk, DiskAttachment? attachment) => new()
    {
        Id = disk.Id.Value,
        Alias = disk.Name,
        Description = disk.Description ?? "",
        Status = Word(disk.Status),
        SizeBytes = disk.ProvisionedSizeBytes,
        ActualBytes = disk.TotalSizeBytes ?? disk.ActualSizeBytes,
        Format = disk.Format == DiskFormat.Raw ? "raw" : "cow",
        Sparse = disk.Sparse,
        IncrementalEnabled = disk.Backup == DiskBackup.Incremental,
        ContentType = disk.ContentType == DiskContentType.Unknown ? "data" : Word(disk.ContentType),
        StorageType = disk.StorageType == DiskStorageType.Unknown ? "image" : Word(disk.StorageType),
        Shareable = disk.Shareable,
        WipeAfterDelete = disk.WipeAfterDelete,
        StorageDomainId = disk.StorageDomains.Count > 0 ? disk.StorageDomains[0].Value : Guid.Empty,
        Active = attachment?.Active ?? true,
        Bootable = attachment?.Bootable ?? false,
        Interface = attachment is null or { Interface: DiskInterface.Unknown } ? "virtio_scsi" : Word(attachment.Interface),
    };

    private static DiskInterface InterfaceOf(string word) =>
        Enum.GetValues<DiskInterface>().FirstOrDefault(value => Word(value) == word) is var found && found != DiskInterface.Unknown
            ? found
            : DiskInterface.VirtioScsi;

    private static EngineBackup ToBackup(Backup backup) => new(
        backup.Id.Value,
        backup.Phase switch
        {
            BackupPhase.Ready => EngineBackupPhase.Ready,
            BackupPhase.Finalizing => EngineBackupPhase.Finalizing,
            BackupPhase.Succeeded => EngineBackupPhase.Succeeded,
            BackupPhase.Failed => EngineBackupPhase.Failed,
            _ => EngineBackupPhase.Starting,
        },
        backup.Description ?? "",
        backup.ToCheckpoint?.Value,
        backup.CreationTime?.ToUniversalTime(),
        backup.Snapshot is not null);

    private static EngineTransfer ToTransfer(ImageTransfer transfer) => new(
        transfer.Id.Value,
        transfer.Disk?.Value ?? Guid.Empty,
        PhaseOf(transfer),
        transfer.Direction != TransferDirection.Download,
        transfer.Url?.Reveal(),
        transfer.ProxyUrl?.Reveal());

    private static EngineTransferPhase PhaseOf(ImageTransfer transfer) => transfer.Phase switch
    {
        TransferPhase.Transferring when transfer.Url is not null || transfer.ProxyUrl is not null => EngineTransferPhase.Transferring,
        TransferPhase.PausedSystem or TransferPhase.PausedUser => EngineTransferPhase.Paused,
        TransferPhase.FinishedSuccess => EngineTransferPhase.Succeeded,
        TransferPhase.FinishedFailure => EngineTransferPhase.Failed,
        _ when transfer.IsEnding => EngineTransferPhase.Ending,
        _ => EngineTransferPhase.Initializing,
    };

    /// <summary>Names of networks and profiles, which a NIC refers to by id only.</summary>
    private sealed class NetworkNames(IReadOnlyDictionary<VnicProfileId, (string Profile, string? Network)> names)
    {
        public static NetworkNames None { get; } = new(new Dictionary<VnicProfileId, (string Profile, string? Network)>());

        public static NetworkNames Of(IEnumerable<Network> networks, IEnumerable<VnicProfile> profiles)
        {
            var byId = networks.ToDictionary(network => network.Id, network => network.Name);
            return new NetworkNames(profiles.ToDictionary(
                profile => profile.Id,
                profile => (profile.Name, profile.Network is { } network ? byId.GetValueOrDefault(network) : null)));
        }

        public string? ProfileOf(VnicProfileId profile) => names.GetValueOrDefault(profile).Profile;

        public string? NetworkOf(VnicProfileId profile) => names.GetValueOrDefault(profile).Network;
    }
}
