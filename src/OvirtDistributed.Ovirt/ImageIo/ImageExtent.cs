// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.ImageIo;

public enum ExtentContext
{
    /// <summary>Which ranges read as zeroes.</summary>
    Zero,

    /// <summary>Which ranges changed since the backup's checkpoint, and of these which read as zeroes.</summary>
    Dirty,
}

/// <param name="Start">First byte.</param>
/// <param name="Length">Bytes; more than zero.</param>
/// <param name="IsZero">Reads as zeroes; need not be downloaded.</param>
/// <param name="IsHole">Not allocated in this layer. Matters for shallow transfers, where it means "see the layer below".</param>
/// <param name="IsDirty">Changed since the checkpoint; always false in the zero context.</param>
public readonly record struct ImageExtent(long Start, long Length, bool IsZero, bool IsHole, bool IsDirty)
{
    public long End => Start + Length;
}
