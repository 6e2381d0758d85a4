// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>Progress of an attempt as its worker counts it; bytes.</summary>
internal sealed record TaskStatistics
{
    public static TaskStatistics Empty { get; } = new();

    public long TotalBytes { get; init; }

    public long ProcessedBytes { get; init; }

    public long ReadBytes { get; init; }

    public long ZeroBytes { get; init; }

    public long DeduplicatedBytes { get; init; }

    public long SentBytes { get; init; }

    public long WrittenBytes { get; init; }

    public long ResumedBytes { get; init; }

    public long RewrittenBytes { get; init; }

    public IReadOnlyList<StageStatistics> Stages { get; init; } = [];

    public string Bottleneck { get; init; } = "";

    public string Route { get; init; } = "";
}

internal sealed record StageStatistics(string Stage, TimeSpan Busy, TimeSpan Waiting);
