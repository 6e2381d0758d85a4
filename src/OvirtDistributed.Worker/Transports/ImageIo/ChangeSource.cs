// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.ImageIo;

/// <summary>Where the list of changes of an image transfer comes from.</summary>
internal enum ChangeSource
{
    /// <summary>The bitmap since a checkpoint.</summary>
    DirtyBitmap,

    /// <summary>The transfer is of one layer alone: what it holds was written since the snapshot below it, and nothing else can be read.</summary>
    Layer,
}
