// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Errors;

/// <summary>What kind of call a fault answers, where the same words mean different things.</summary>
internal enum FaultScope
{
    Any,

    /// <summary>Start of a backup from a checkpoint: words about checkpoints and bitmaps mean that a full backup is needed.</summary>
    IncrementalStart,
}
