// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Tests.Server.Support;

internal sealed partial class FakeEngine
{
    /// <summary>As with a host that cannot be reached: what is ending stays so.</summary>
    public bool TransfersNeverEnd { get; set; }

    public Task<EngineTransfer> CreateTransferAsync(EngineTransferStart start, CancellationToken cancellationToken) => CallAsync(nameof(CreateTransferAsync), () =>
    {
        if (Transfers.Values.Any(other => other.DiskId == start.DiskId && !other.IsEnded))
        {
            throw new EngineException(EngineFailure.Locked, "The disk is being transferred.");
        }

        if (start.BackupId is { } backup && Backups[backup].Phase != EngineBackupPhase.Ready)
        {
            throw new EngineException(EngineFailure.Refused, "The VM backup is not in READY phase.");
        }

        if (start.File is { } file)
        {
            FilesAsked.Add(file);
        }

        if (start.Layer is { } layer)
        {
            if (!_layers.Values.Any(layers => layers.GetValueOrDefault(start.DiskId) == layer.Id))
            {
                throw new EngineException(EngineFailure.NotFound, "There is no such layer.");
            }

            LayersAsked.Add(layer);
        }

        var transfer = new EngineTransfer(
            Guid.NewGuid(), start.DiskId, EngineTransferPhase.Initializing, start is { BackupId: null, Layer: null, File: null }, "https://host:54322/images/secret", "https://engine:54323/images/secret");
        Transfers.Add(transfer.Id, transfer);
        return transfer;
    });

    public Task<EngineTransfer?> FindTransferAsync(Guid transferId, CancellationToken cancellationToken) => CallAsync(nameof(FindTransferAsync), () =>
    {
        if (!Transfers.TryGetValue(transferId, out var transfer))
        {
            return null;
        }

        Transfers[transferId] = transfer.Phase switch
        {
            EngineTransferPhase.Initializing => transfer with { Phase = EngineTransferPhase.Transferring },
            EngineTransferPhase.Ending when !TransfersNeverEnd => End(transfer),
            _ => transfer,
        };
        return transfer;
    });

    public Task<IReadOnlyList<EngineTransfer>> ListTransfersAsync(CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineTransfer>>(nameof(ListTransfersAsync), () => [.. Transfers.Values]);

    public Task FinalizeTransferAsync(Guid transferId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(FinalizeTransferAsync), () => Leave(transferId, cancelled: false));

    public Task CancelTransferAsync(Guid transferId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(CancelTransferAsync), () => Leave(transferId, cancelled: true));

    public Task CreateDiskAsync(EngineDiskStart start, CancellationToken cancellationToken) => CallAsync(nameof(CreateDiskAsync), () =>
    {
        Disks.Add(start.Id, new EngineDisk
        {
            Id = start.Id,
            Alias = start.Alias,
            Description = start.Description,
            Status = "ok",
            SizeBytes = start.SizeBytes,
            Format = start.Format,
            Sparse = start.Sparse,
            IncrementalEnabled = start.IncrementalEnabled,
            StorageDomainId = start.StorageDomainId,
        });
        return true;
    });

    public Task<EngineDisk?> FindDiskAsync(Guid diskId, CancellationToken cancellationToken) =>
        CallAsync(nameof(FindDiskAsync), () => Disks.GetValueOrDefault(diskId) ?? Vms.Values.SelectMany(vm => vm.Disks).FirstOrDefault(disk => disk.Id == diskId));

    public Task<IReadOnlyList<EngineDisk>> ListDisksAsync(string descriptionPart, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineDisk>>(nameof(ListDisksAsync), () =>
            [.. Disks.Values.Where(disk => disk.Description.Contains(descriptionPart, StringComparison.Ordinal))]);

    public Task DeleteDiskAsync(Guid diskId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(nameof(DeleteDiskAsync), () =>
        Transfers.Values.Any(transfer => transfer.DiskId == diskId && !transfer.IsEnded)
            ? throw new EngineException(EngineFailure.Locked, "The disk is being transferred.")
            : Vms.Values.Any(vm => vm.Disks.Any(disk => disk.Id == diskId))
            ? throw new EngineException(EngineFailure.Refused, "The disk is attached to a VM.")
            : Disks.Remove(diskId));

    public Task DescribeDiskAsync(Guid diskId, string description, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(DescribeDiskAsync), () => Disks[diskId] = Disks[diskId] with { Description = description });

    public Task EnableIncrementalAsync(Guid diskId, Guid correlationId, CancellationToken cancellationToken) => CallAsync(nameof(EnableIncrementalAsync), () =>
    {
        var vm = Vms.Values.Single(vm => vm.Disks.Any(disk => disk.Id == diskId));
        Vms[vm.Id] = vm with { Disks = [.. vm.Disks.Select(disk => disk.Id == diskId ? disk with { IncrementalEnabled = true } : disk)] };
        return true;
    });

    public Task<Guid> CreateVmAsync(EngineVmStart start, CancellationToken cancellationToken) => CallAsync(nameof(CreateVmAsync), () =>
    {
        if (Vms.Values.Any(vm => vm.Name == start.Name))
        {
            throw new EngineException(EngineFailure.Refused, "The VM name is in use.");
        }

        var created = start.Like with { Id = Guid.NewGuid(), Name = start.Name, ClusterId = start.ClusterId, Description = start.Description, Status = "down", Disks = [], Nics = [], Tags = [] };
        Vms.Add(created.Id, created);
        return created.Id;
    });

    public Task<IReadOnlyList<EngineVm>> FindVmsByNameAsync(string name, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<EngineVm>>(nameof(FindVmsByNameAsync), () => [.. Vms.Values.Where(vm => vm.Name == name)]);

    public Task DescribeVmAsync(Guid vmId, string description, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(DescribeVmAsync), () => Vms[vmId] = Vms[vmId] with { Description = description });

    public Task AddNicAsync(Guid vmId, EngineNic nic, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(AddNicAsync), () => Vms[vmId] = Vms[vmId] with { Nics = [.. Vms[vmId].Nics, nic] });

    public Task<IReadOnlyDictionary<string, string>> ListMacAddressesAsync(CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyDictionary<string, string>>(nameof(ListMacAddressesAsync), () =>
            Vms.Values.SelectMany(vm => vm.Nics.Where(nic => nic.Mac is not null).Select(nic => (nic.Mac, vm.Name))).ToDictionary(pair => pair.Mac!, pair => pair.Name));

    public Task AttachDiskAsync(Guid vmId, Guid diskId, EngineDiskSlot slot, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(AttachDiskAsync), () =>
        {
            if (Vms.Values.Any(vm => vm.Disks.Any(disk => disk.Id == diskId)) || (slot.Bootable && Vms[vmId].Disks.Any(disk => disk.Bootable)))
            {
                throw new EngineException(EngineFailure.Refused, "The disk is attached already, or there is another bootable one.");
            }

            return Vms[vmId] = Vms[vmId] with
            {
                Disks = [.. Vms[vmId].Disks, Disks[diskId] with { Interface = slot.Interface, Bootable = slot.Bootable, Active = slot.Active }],
            };
        });

    public Task DeleteVmAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(DeleteVmAsync), () => Vms.Remove(vmId));

    public Task StartVmAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(StartVmAsync), () => Vms[vmId] = Vms[vmId] with { Status = "powering_up" });

    public Task StopVmAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken) =>
        CallAsync(nameof(StopVmAsync), () => Vms[vmId] = Vms[vmId] with { Status = "down" });

    private bool Leave(Guid transferId, bool cancelled)
    {
        var transfer = Transfers[transferId];
        if (!transfer.IsEnded)
        {
            // The URL tells the fake how the transfer is to end; nothing reads it any more.
            Transfers[transferId] = transfer with { Phase = EngineTransferPhase.Ending, TransferUrl = cancelled ? "cancelled" : "finalized" };
        }

        return true;
    }

    /// <summary>The engine deletes the target of an upload that was cancelled.</summary>
    private EngineTransfer End(EngineTransfer transfer)
    {
        var cancelled = transfer.TransferUrl == "cancelled";
        if (cancelled && transfer.Upload)
        {
            Disks.Remove(transfer.DiskId);
        }

        return transfer with { Phase = cancelled ? EngineTransferPhase.Failed : EngineTransferPhase.Succeeded };
    }
}
