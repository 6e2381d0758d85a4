// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>A layer whose file can be read now.</summary>
/// <param name="Id">The volume's id.</param>
/// <param name="IsRaw">By the manager's word: what a guest wrote into a raw layer may look like anything.</param>
/// <param name="File">Its bytes.</param>
/// <param name="Route">direct or proxy.</param>
internal sealed record OpenedVolume(Guid Id, bool IsRaw, IVolumeFile File, string Route);

/// <summary>
/// Opens another layer of the same disk. The manager gives one layer at a time: the file opened before must be closed first, and gives nothing afterwards.
/// </summary>
internal delegate Task<OpenedVolume> VolumeOpener(Guid layer, CancellationToken cancellationToken);
