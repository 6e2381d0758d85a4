// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs.Restore;

namespace OvirtDistributed.Server.Exports;

/// <summary>A disk of a VM that is written to an export domain.</summary>
internal sealed record ExportedDisk(Guid DiskId, Guid VolumeId, string Alias, long SizeBytes, RestoreDiskPlan Plan);

/// <summary>The VM, with the mark that shows it is ours.</summary>
internal sealed record ExportedVm(Guid Id, string Name, string Marker);
