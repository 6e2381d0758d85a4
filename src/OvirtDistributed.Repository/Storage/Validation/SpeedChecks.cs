// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using static OvirtDistributed.Repository.Storage.Validation.CheckTools;

namespace OvirtDistributed.Repository.Storage.Validation;

/// <summary>Figures, which fail only when the storage does.</summary>
internal static class SpeedChecks
{
    private const int Bytes = 64 << 20;
    private const int FlushEvery = 16 << 20;
    private const int Append = 1 << 20;
    private const int Flushes = 21;

    public static StorageCheck[] All { get; } =
    [
        new("throughput", "the storage does not stand a backup's load", ThroughputAsync),
        new("flush latency", "acknowledgements do not come", LatencyAsync),
    ];

    private static async Task<string> ThroughputAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, name) = (context.Storage, context.Name("speed.pack"));
        var content = Content(Append, 6);
        var begun = context.TimeProvider.GetTimestamp();
        await using (var appender = await storage.OpenAppendAsync(name, create: true, cancellationToken))
        {
            for (var written = Append; written <= Bytes; written += Append)
            {
                await appender.AppendAsync(content, cancellationToken);
                if (written % FlushEvery == 0)
                {
                    await appender.FlushAsync(cancellationToken);
                }
            }
        }

        var write = Rate(context.TimeProvider.GetElapsedTime(begun));
        begun = context.TimeProvider.GetTimestamp();
        using var reader = await storage.OpenReadAsync(name, cancellationToken) ?? throw new StorageCheckFailedException("it cannot be opened");
        var buffer = new byte[Append];
        for (var read = 0L; read < Bytes; read += Append)
        {
            Require(await reader.ReadAsync(read, buffer, cancellationToken) == Append, $"it ends at {read}");
            RequireEqual(content, buffer, $"at {read}");
        }

        return $"one stream writes {write} and reads {Rate(context.TimeProvider.GetElapsedTime(begun))} (a cache may help)";
    }

    private static async Task<string> LatencyAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var times = new List<double>();
        await using var appender = await context.Storage.OpenAppendAsync(context.Name("latency.journal"), create: true, cancellationToken);
        for (var i = 0; i < Flushes; i++)
        {
            await appender.AppendAsync(Content(4096, i), cancellationToken);
            var begun = context.TimeProvider.GetTimestamp();
            await appender.FlushAsync(cancellationToken);
            times.Add(context.TimeProvider.GetElapsedTime(begun).TotalMilliseconds);
        }

        times.Sort();
        return string.Create(CultureInfo.InvariantCulture, $"median {times[Flushes / 2]:0.0} ms, longest {times[^1]:0.0} ms of {Flushes} flushes of 4 KiB");
    }

    private static string Rate(TimeSpan elapsed) =>
        string.Create(CultureInfo.InvariantCulture, $"{Bytes / Math.Max(elapsed.TotalSeconds, 1e-6) / (1 << 20):0} MiB/s");
}
