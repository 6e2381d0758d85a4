// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>What an incremental backup must know of its base.</summary>
/// <param name="Size">Bytes of the disk then.</param>
/// <param name="Damaged">Ranges that cannot be read from it.</param>
/// <param name="Rewritten">Ranges to be read again, so that they get chunks of their own; ascending and disjoint.</param>
internal sealed record BaseRanges(long Size, IReadOnlyList<DiskRange> Damaged, IReadOnlyList<DiskRange> Rewritten);
