// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Benchmarks.Images;
using OvirtDistributed.Benchmarks.Processes;
using OvirtDistributed.Benchmarks.Report;

namespace OvirtDistributed.Benchmarks.Scenarios;

/// <summary>
/// What no restore on this machine can be faster than: the disk's data written to a sparse file and flushed, by a program that has it at hand
/// and does nothing else. Twice: as a restore writes (write-back begun at once), and without any disk below (a file in memory).
/// </summary>
internal sealed class LimitScenario(string directory, Action<string> say)
{
    private const int PieceBytes = 1 << 20;
    private const string MemoryDirectory = "/dev/shm";

    public async Task<IReadOnlyList<Measure>> RunAsync(TestImage image, int rounds, CancellationToken cancellationToken)
    {
        var disk = await MedianAsync(image, directory, rounds, cancellationToken);
        var memory = await MedianAsync(image, MemoryDirectory, rounds, cancellationToken);
        say($"limit: the restored disk's data written and flushed by nothing else: {disk:0.00} s; to a file in memory {memory:0.00} s");
        return
        [
            new Measure("limit of any restore: data written and flushed, s", disk, null, null, null, null),
            new Measure("the same to a file in memory, s", memory, null, null, null, null),
        ];
    }

    private static async Task<double> MedianAsync(TestImage image, string folder, int rounds, CancellationToken cancellationToken)
    {
        var times = new List<double>();
        for (var round = 0; round < rounds; round++)
        {
            var file = Path.Combine(folder, $"ovd-bench-limit-{Environment.ProcessId}");
            _ = await Tools.RunAsync("sync", [], null, cancellationToken);
            try
            {
                times.Add(await CopyAsync(image, file, cancellationToken));
            }
            finally
            {
                File.Delete(file);
            }
        }

        return times.Order().ElementAt(times.Count / 2);
    }

    private static async Task<double> CopyAsync(TestImage image, string file, CancellationToken cancellationToken)
    {
        await using (var created = File.Create(file))
        {
            created.SetLength(image.SizeBytes);
        }

        await using var source = new FileDiskSource(image.RawFile, []);
        await using var target = new FileDiskTarget(file);
        var piece = new byte[PieceBytes];
        var started = Stopwatch.GetTimestamp();
        await foreach (var extent in source.ListExtentsAsync(changes: false, cancellationToken))
        {
            for (var done = 0L; !extent.IsZero && done < extent.Length; done += PieceBytes)
            {
                var part = piece.AsMemory(0, (int)Math.Min(PieceBytes, extent.Length - done));
                await source.ReadAsync(extent.Offset + done, part, cancellationToken);
                await target.WriteAsync(extent.Offset + done, part, cancellationToken);
            }
        }

        await target.FlushAsync(cancellationToken);
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
