// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Execution;

/// <summary>The stages whose time is measured. Their names on the wire are these in lower case.</summary>
internal enum PipelineStage
{
    /// <summary>Reading from the source.</summary>
    Source = 0,

    /// <summary>Finding chunk boundaries and zeroes.</summary>
    Cut,

    /// <summary>Computing digests.</summary>
    Hash,

    /// <summary>Asking the Data Mover what it holds.</summary>
    Have,

    /// <summary>Compressing and framing; decoding in a restore.</summary>
    Compress,

    /// <summary>Handing frames to the Data Mover's connections.</summary>
    Send,

    /// <summary>Waiting for the Data Mover's storage: durability of what was sent, frames asked for in a restore.</summary>
    Store,

    /// <summary>Writing to the target disk.</summary>
    Target,
}
