// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Maps;

/// <summary>Bytes of a disk.</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct DiskRange(long Offset, long Length)
{
    /// <summary>The first byte behind the range.</summary>
    public long End => Offset + Length;
}
