// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Server.Jobs;

namespace OvirtDistributed.Server.Workers;

internal static class StatisticsMessages
{
    public static TaskStatistics FromWire(TransferStatistics? message) => message is null
        ? TaskStatistics.Empty
        : new TaskStatistics
        {
            TotalBytes = message.TotalBytes,
            ProcessedBytes = message.ProcessedBytes,
            ReadBytes = message.ReadBytes,
            ZeroBytes = message.ZeroBytes,
            DeduplicatedBytes = message.DeduplicatedBytes,
            SentBytes = message.SentBytes,
            WrittenBytes = message.WrittenBytes,
            ResumedBytes = message.ResumedBytes,
            RewrittenBytes = message.RewrittenBytes,
            Stages = [.. message.Stages.Select(stage => new StageStatistics(
                stage.Stage, stage.Busy?.ToTimeSpan() ?? TimeSpan.Zero, stage.Waiting?.ToTimeSpan() ?? TimeSpan.Zero))],
            Bottleneck = message.Bottleneck,
            Route = message.Route,
        };
}
