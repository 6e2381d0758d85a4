// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Exports;

/// <summary>An image in an export domain that an attempt reads, or makes.</summary>
/// <param name="DomainId">The domain.</param>
/// <param name="Location"><c>address:path</c>, as hosts mount it.</param>
/// <param name="VmId">The VM as it lies there.</param>
/// <param name="DiskId">The image.</param>
/// <param name="VolumeId">Its only volume.</param>
/// <param name="Format">cow or raw.</param>
/// <param name="Sparse">To be written: without space behind it on the manager.</param>
/// <param name="Ovf">To be written: what the manager imports; else empty.</param>
internal sealed record ExportOrder(Guid DomainId, string Location, Guid VmId, Guid DiskId, Guid VolumeId, string Format, bool Sparse, string Ovf);
