// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Settings;

namespace OvirtDistributed.Server.Managers;

/// <summary>
/// What jobs, the ledger and the inventory ask of one manager. Calls are single steps: none waits for a phase, so that a
/// server may be killed between any two. Failures are <see cref="EngineException"/>; the client below repeats what is safe to repeat.
/// </summary>
internal interface IEngine
{
    Task<EngineProductInfo> ReadProductAsync(CancellationToken cancellationToken);

    Task<EngineInventory> ReadInventoryAsync(CancellationToken cancellationToken);

    /// <summary>All hosts as they are now.</summary>
    Task<IReadOnlyList<EngineHost>> ListHostsAsync(CancellationToken cancellationToken);

    /// <summary>The layers of a disk, its active one and those of a template included where the manager lists them; else the active one alone.</summary>
    Task<IReadOnlyList<EngineVolume>> ListVolumesAsync(Guid diskId, CancellationToken cancellationToken);

    /// <summary>The VM with disks, NICs and tags; null when it is gone.</summary>
    Task<EngineVm?> FindVmAsync(Guid vmId, CancellationToken cancellationToken);

    /// <summary>The OVF of the VM as it is now.</summary>
    Task<string> ReadOvfAsync(Guid vmId, CancellationToken cancellationToken);

    /// <summary>The caller chooses the id: a start whose answer was lost is found again by it.</summary>
    Task StartBackupAsync(EngineBackupStart start, CancellationToken cancellationToken);

    Task<EngineBackup?> FindBackupAsync(Guid vmId, Guid backupId, CancellationToken cancellationToken);

    Task<IReadOnlyList<EngineBackup>> ListBackupsAsync(Guid vmId, CancellationToken cancellationToken);

    /// <summary>Disk id → true when the engine can give its dirty extents, false for full, null when the engine does not say.</summary>
    Task<IReadOnlyDictionary<Guid, bool?>> ListBackupDisksAsync(Guid vmId, Guid backupId, CancellationToken cancellationToken);

    /// <summary>Asks for the end of a backup. Idempotent: one that ends or has ended already is fine.</summary>
    Task FinalizeBackupAsync(Guid vmId, Guid backupId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Why a backup failed, from the engine's events.</summary>
    Task<EngineException> ExplainBackupFailureAsync(Guid vmId, Guid backupId, bool consistencyRequired, CancellationToken cancellationToken);

    /// <summary>Oldest first.</summary>
    Task<IReadOnlyList<EngineCheckpoint>> ListCheckpointsAsync(Guid vmId, CancellationToken cancellationToken);

    /// <summary>Asks for the deletion. Idempotent.</summary>
    Task DeleteCheckpointAsync(Guid vmId, Guid checkpointId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Asks for a snapshot without memory and answers its id. Not idempotent: look by <see cref="ListSnapshotsAsync"/> first.</summary>
    Task<Guid> CreateSnapshotAsync(EngineSnapshotStart start, CancellationToken cancellationToken);

    Task<EngineSnapshot?> FindSnapshotAsync(Guid vmId, Guid snapshotId, CancellationToken cancellationToken);

    /// <summary>Oldest first, regular ones only. Empty when the VM is gone.</summary>
    Task<IReadOnlyList<EngineSnapshot>> ListSnapshotsAsync(Guid vmId, CancellationToken cancellationToken);

    /// <summary>Disk id → the layer that holds the disk as it was when the snapshot was taken.</summary>
    Task<IReadOnlyDictionary<Guid, Guid>> ListSnapshotLayersAsync(Guid vmId, Guid snapshotId, CancellationToken cancellationToken);

    /// <summary>
    /// The volumes under a disk of a VM that do not change: one for each snapshot of the VM that has the disk, and the volumes of its template's disks. For managers
    /// that do not list a disk's layers; which stands on which is in the files.
    /// </summary>
    Task<IReadOnlyList<EngineVolumeFile>> ListVolumeFilesAsync(Guid vmId, Guid diskId, CancellationToken cancellationToken);

    /// <summary>The OVF at the time of the snapshot.</summary>
    Task<string> ReadSnapshotOvfAsync(Guid vmId, Guid snapshotId, CancellationToken cancellationToken);

    /// <summary>Asks for the deletion, which merges its layers. Idempotent.</summary>
    Task DeleteSnapshotAsync(Guid vmId, Guid snapshotId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>
    /// Freezes the file systems of a running guest through its agent; answers when they are frozen. Whoever asks has to thaw, whatever the answer:
    /// one that is lost, or given up, may have been carried out.
    /// </summary>
    Task FreezeGuestAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Thaws them. Idempotent; a VM that is gone or down has nothing frozen.</summary>
    Task ThawGuestAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken);

    Task<EngineTransfer> CreateTransferAsync(EngineTransferStart start, CancellationToken cancellationToken);

    Task<EngineTransfer?> FindTransferAsync(Guid transferId, CancellationToken cancellationToken);

    Task<IReadOnlyList<EngineTransfer>> ListTransfersAsync(CancellationToken cancellationToken);

    /// <summary>Idempotent: a transfer that is gone is fine.</summary>
    Task FinalizeTransferAsync(Guid transferId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Idempotent. The target disk of an upload is deleted by the engine.</summary>
    Task CancelTransferAsync(Guid transferId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>The caller chooses the id.</summary>
    Task CreateDiskAsync(EngineDiskStart start, CancellationToken cancellationToken);

    Task<EngineDisk?> FindDiskAsync(Guid diskId, CancellationToken cancellationToken);

    /// <summary>Disks whose description contains the text.</summary>
    Task<IReadOnlyList<EngineDisk>> ListDisksAsync(string descriptionPart, CancellationToken cancellationToken);

    /// <summary>Idempotent.</summary>
    Task DeleteDiskAsync(Guid diskId, Guid correlationId, CancellationToken cancellationToken);

    Task DescribeDiskAsync(Guid diskId, string description, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Has changes of a disk tracked from now on; cow disks only. Idempotent.</summary>
    Task EnableIncrementalAsync(Guid diskId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Creates a VM without disks and NICs and answers its id. Not idempotent: look by <see cref="FindVmsByNameAsync"/> first.</summary>
    Task<Guid> CreateVmAsync(EngineVmStart start, CancellationToken cancellationToken);

    Task<IReadOnlyList<EngineVm>> FindVmsByNameAsync(string name, CancellationToken cancellationToken);

    Task DescribeVmAsync(Guid vmId, string description, Guid correlationId, CancellationToken cancellationToken);

    Task AddNicAsync(Guid vmId, EngineNic nic, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>IP addresses that the guest's agent reports for the VM's plugged NICs, in their order; empty without an agent.</summary>
    Task<IReadOnlyList<string>> ListGuestAddressesAsync(Guid vmId, CancellationToken cancellationToken);

    /// <summary>MAC addresses in use on this manager, in any spelling → the name of the VM that has it.</summary>
    Task<IReadOnlyDictionary<string, string>> ListMacAddressesAsync(CancellationToken cancellationToken);

    /// <summary>What is attached to a VM, snapshots' disks included; empty when the VM is gone.</summary>
    Task<IReadOnlyList<EngineAttachment>> ListAttachmentsAsync(Guid vmId, CancellationToken cancellationToken);

    /// <summary>Attaches and plugs a disk of somebody else's snapshot, or with null a disk itself, over VirtIO-SCSI. Not idempotent: look first.</summary>
    Task AttachToWorkerAsync(Guid vmId, Guid diskId, Guid? snapshotId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Unplugs an attached disk. Idempotent.</summary>
    Task UnplugDiskAsync(Guid vmId, Guid diskId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Takes an attached disk off a VM; the disk stays. Idempotent.</summary>
    Task DetachDiskAsync(Guid vmId, Guid diskId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Joins a disk to a VM. Not idempotent: look first.</summary>
    Task AttachDiskAsync(Guid vmId, Guid diskId, EngineDiskSlot slot, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Deletes a VM and keeps its disks. Idempotent.</summary>
    Task DeleteVmAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Deletes a VM with its disks. Idempotent.</summary>
    Task DeleteVmWithDisksAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>The status of a storage domain in a data center, as the engine writes it; null when it is not attached there.</summary>
    Task<string?> FindDomainStatusAsync(Guid dataCenterId, Guid domainId, CancellationToken cancellationToken);

    /// <summary>Asks for a VM with copies of a snapshot's disks and answers its id. Not idempotent: look by <see cref="FindVmsByNameAsync"/> first.</summary>
    Task<Guid> CloneSnapshotAsync(EngineCloneStart start, CancellationToken cancellationToken);

    /// <summary>Asks for a copy of a VM that is down in an export domain; it is complete once the VM is unlocked and <see cref="IsExportedAsync"/>. Replaces an earlier copy.</summary>
    Task ExportVmAsync(Guid vmId, Guid domainId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Whether an export domain has a VM of this id.</summary>
    Task<bool> IsExportedAsync(Guid domainId, Guid vmId, CancellationToken cancellationToken);

    /// <summary>Asks for a VM made of one in an export domain. Not idempotent: look by <see cref="FindVmsByNameAsync"/> first.</summary>
    Task ImportVmAsync(EngineImportStart start, CancellationToken cancellationToken);

    /// <summary>Deletes a VM with its images from an export domain. Idempotent.</summary>
    Task DeleteExportedAsync(Guid domainId, Guid vmId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>What a VM is set to, without its affinity groups and without names of hosts and storage domains; null when it is gone.</summary>
    Task<VmMetadata?> FindMetadataAsync(Guid vmId, CancellationToken cancellationToken);

    /// <summary>Changes settings of a VM that is down. Idempotent. What the manager does not take is refused as a whole.</summary>
    Task ChangeVmAsync(Guid vmId, EngineVmChange change, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Groups of a cluster, with ids of their hosts but without names.</summary>
    Task<IReadOnlyList<EngineAffinityGroup>> ListAffinityGroupsAsync(Guid clusterId, CancellationToken cancellationToken);

    /// <summary>Makes a group without VMs and answers its id. Not idempotent: look by <see cref="ListAffinityGroupsAsync"/> first.</summary>
    Task<Guid> CreateAffinityGroupAsync(Guid clusterId, VmAffinityGroup group, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Not idempotent: look by <see cref="ListAffinityGroupsAsync"/> first.</summary>
    Task JoinAffinityGroupAsync(Guid clusterId, Guid groupId, Guid vmId, Guid correlationId, CancellationToken cancellationToken);

    Task<IReadOnlyList<EngineAffinityLabel>> ListAffinityLabelsAsync(CancellationToken cancellationToken);

    /// <summary>Not idempotent: look by <see cref="FindMetadataAsync"/> first.</summary>
    Task JoinAffinityLabelAsync(Guid labelId, Guid vmId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Gives a VM a tag that the manager knows. Not idempotent: look first.</summary>
    Task AddTagAsync(Guid vmId, string tag, Guid correlationId, CancellationToken cancellationToken);

    Task StartVmAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken);

    /// <summary>Powers a VM off at once. Not while a backup of it runs.</summary>
    Task StopVmAsync(Guid vmId, Guid correlationId, CancellationToken cancellationToken);
}
