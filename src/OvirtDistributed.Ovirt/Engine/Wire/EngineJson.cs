// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using OvirtDistributed.Ovirt.Engine.Backups;
using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Events;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Engine.Jobs;
using OvirtDistributed.Ovirt.Engine.Snapshots;
using OvirtDistributed.Ovirt.Engine.Transfers;
using OvirtDistributed.Ovirt.Engine.Vms;

namespace OvirtDistributed.Ovirt.Engine.Wire;

/// <summary>How the engine's answers are read: snake_case, scalars as text, unknown fields ignored.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    GenerationMode = JsonSourceGenerationMode.Metadata,
    Converters = [typeof(WireStringConverter), typeof(WireIntegerConverter), typeof(WireBooleanConverter), typeof(WireTimeConverter)])]
[JsonSerializable(typeof(FaultDto))]
[JsonSerializable(typeof(ApiDto))]
[JsonSerializable(typeof(WireList<RefDto>), TypeInfoPropertyName = "WireListRefDto")]
[JsonSerializable(typeof(WireList<DataCenterDto>), TypeInfoPropertyName = "WireListDataCenterDto")]
[JsonSerializable(typeof(WireList<ClusterDto>), TypeInfoPropertyName = "WireListClusterDto")]
[JsonSerializable(typeof(WireList<HostDto>), TypeInfoPropertyName = "WireListHostDto")]
[JsonSerializable(typeof(WireList<StorageDomainDto>), TypeInfoPropertyName = "WireListStorageDomainDto")]
[JsonSerializable(typeof(WireList<NetworkDto>), TypeInfoPropertyName = "WireListNetworkDto")]
[JsonSerializable(typeof(WireList<VnicProfileDto>), TypeInfoPropertyName = "WireListVnicProfileDto")]
[JsonSerializable(typeof(WireList<TagDto>), TypeInfoPropertyName = "WireListTagDto")]
[JsonSerializable(typeof(WireList<TemplateDto>), TypeInfoPropertyName = "WireListTemplateDto")]
[JsonSerializable(typeof(WireList<AffinityGroupDto>), TypeInfoPropertyName = "WireListAffinityGroupDto")]
[JsonSerializable(typeof(WireList<DiskDto>), TypeInfoPropertyName = "WireListDiskDto")]
[JsonSerializable(typeof(WireList<DiskSnapshotDto>), TypeInfoPropertyName = "WireListDiskSnapshotDto")]
[JsonSerializable(typeof(WireList<VmDto>), TypeInfoPropertyName = "WireListVmDto")]
[JsonSerializable(typeof(WireList<DiskAttachmentDto>), TypeInfoPropertyName = "WireListDiskAttachmentDto")]
[JsonSerializable(typeof(WireList<NicDto>), TypeInfoPropertyName = "WireListNicDto")]
[JsonSerializable(typeof(WireList<ReportedDeviceDto>), TypeInfoPropertyName = "WireListReportedDeviceDto")]
[JsonSerializable(typeof(WireList<IpDto>), TypeInfoPropertyName = "WireListIpDto")]
[JsonSerializable(typeof(WireList<SnapshotDto>), TypeInfoPropertyName = "WireListSnapshotDto")]
[JsonSerializable(typeof(WireList<BackupDto>), TypeInfoPropertyName = "WireListBackupDto")]
[JsonSerializable(typeof(WireList<CheckpointDto>), TypeInfoPropertyName = "WireListCheckpointDto")]
[JsonSerializable(typeof(WireList<ImageTransferDto>), TypeInfoPropertyName = "WireListImageTransferDto")]
[JsonSerializable(typeof(WireList<EventDto>), TypeInfoPropertyName = "WireListEventDto")]
[JsonSerializable(typeof(WireList<JobDto>), TypeInfoPropertyName = "WireListJobDto")]
[JsonSerializable(typeof(WireList<AffinityLabelDto>), TypeInfoPropertyName = "WireListAffinityLabelDto")]
[JsonSerializable(typeof(WireList<CdromDto>), TypeInfoPropertyName = "WireListCdromDto")]
[JsonSerializable(typeof(WireList<WatchdogDto>), TypeInfoPropertyName = "WireListWatchdogDto")]
[JsonSerializable(typeof(WireList<GraphicsConsoleDto>), TypeInfoPropertyName = "WireListGraphicsConsoleDto")]
[JsonSerializable(typeof(WireList<NamedDto>), TypeInfoPropertyName = "WireListNamedDto")]
[JsonSerializable(typeof(WireList<CustomPropertyDto>), TypeInfoPropertyName = "WireListCustomPropertyDto")]
[JsonSerializable(typeof(WireList<NicConfigurationDto>), TypeInfoPropertyName = "WireListNicConfigurationDto")]
[JsonSerializable(typeof(WireList<string>), TypeInfoPropertyName = "WireListString")]
[JsonSerializable(typeof(DiskDto))]
[JsonSerializable(typeof(DiskSnapshotDto))]
[JsonSerializable(typeof(StorageDomainDto))]
[JsonSerializable(typeof(TagDto))]
[JsonSerializable(typeof(VmDto))]
[JsonSerializable(typeof(DiskAttachmentDto))]
[JsonSerializable(typeof(NicDto))]
[JsonSerializable(typeof(SnapshotDto))]
[JsonSerializable(typeof(BackupDto))]
[JsonSerializable(typeof(CheckpointDto))]
[JsonSerializable(typeof(ImageTransferDto))]
[JsonSerializable(typeof(RefDto))]
[JsonSerializable(typeof(DataCenterDto))]
[JsonSerializable(typeof(ClusterDto))]
[JsonSerializable(typeof(HostDto))]
[JsonSerializable(typeof(NetworkDto))]
[JsonSerializable(typeof(VnicProfileDto))]
[JsonSerializable(typeof(TemplateDto))]
[JsonSerializable(typeof(AffinityGroupDto))]
[JsonSerializable(typeof(ReportedDeviceDto))]
[JsonSerializable(typeof(IpDto))]
[JsonSerializable(typeof(EventDto))]
[JsonSerializable(typeof(JobDto))]
[JsonSerializable(typeof(AffinityLabelDto))]
[JsonSerializable(typeof(CdromDto))]
[JsonSerializable(typeof(WatchdogDto))]
[JsonSerializable(typeof(GraphicsConsoleDto))]
[JsonSerializable(typeof(NamedDto))]
[JsonSerializable(typeof(CustomPropertyDto))]
[JsonSerializable(typeof(NicConfigurationDto))]
[JsonSerializable(typeof(VmSettingsDto))]
[JsonSerializable(typeof(string))]
internal sealed partial class EngineJson : JsonSerializerContext;
