// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Points;

/// <summary>How much of the source was read. Every point is a full image to the reader, whatever its kind (invariant 9).</summary>
public enum PointKind
{
    /// <summary>All data extents were read.</summary>
    Full,

    /// <summary>Only what changed since the base was read.</summary>
    Incremental,
}
