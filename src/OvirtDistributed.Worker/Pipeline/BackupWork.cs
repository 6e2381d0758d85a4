// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Repository.Chunking;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Mover;
using OvirtDistributed.Worker.Transports;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>What <see cref="BackupPipeline"/> works on. Everything in it stays the caller's.</summary>
internal sealed record BackupWork
{
    public required IDiskSource Source { get; init; }

    /// <summary>What to read and what to record as zero.</summary>
    public required RangeSpool Plan { get; init; }

    public required BackupSession Session { get; init; }

    /// <summary>One connection for each upload stream.</summary>
    public required IReadOnlyList<CallInvoker> Uploads { get; init; }

    /// <summary>How content is named and encrypted.</summary>
    public required ContentKeys Keys { get; init; }

    public required ChunkerParameters Chunker { get; init; }

    public required CompressionProfile Compression { get; init; }

    /// <summary>Size, base and what an earlier attempt completed.</summary>
    public required DiskMapPlan MapPlan { get; init; }

    /// <summary>Pages and nodes of the base; null without one.</summary>
    public IFrameSource? Base { get; init; }

    public required TransferControl Control { get; init; }
}
