// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store;

/// <summary>What became of a frame that was sent to replace a damaged one.</summary>
public enum FrameRepair
{
    /// <summary>It is durable, and is what readers get from now on.</summary>
    Stored,

    /// <summary>The repository holds the frame whole: nothing was changed.</summary>
    WasWhole,
}
