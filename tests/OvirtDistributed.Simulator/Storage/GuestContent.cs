// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using OvirtDistributed.Simulator.Storage.Nbd;

namespace OvirtDistributed.Simulator.Storage;

/// <summary>
/// Fills a disk with what guests' disks are like: text that compresses, data that does not, blocks other disks have too, and holes.
/// The bytes depend only on the options and the disk's size.
/// </summary>
public static class GuestContent
{
    /// <summary>A run of one kind, like an extent of a file: long enough that chunking can find duplicates, short enough that kinds mix.</summary>
    private const int RunBytes = 1024 * 1024;

    /// <summary>Writes in flight: hides the round trip to the storage process.</summary>
    private const int Writers = 4;

    private static readonly byte[][] Words =
        [.. "the service starts on port connection from user session opened closed error warning info kernel device block read write 0 1 10 192 systemd cron network address interface up down package install config value true false path home var log"
            .Split(' ').Select(System.Text.Encoding.ASCII.GetBytes)];

    /// <summary>Fills the disk through the guest's side. Returns the number of bytes written.</summary>
    public static async Task<long> FillAsync(DiskStorage storage, Guid diskId, GuestContentOptions options, CancellationToken cancellationToken)
    {
        long written = 0;
        await storage.RunGuestAsync(
            diskId,
            async (guest, token) =>
            {
                var runs = Plan(guest.SizeBytes, options);
                await Parallel.ForEachAsync(
                    runs,
                    new ParallelOptions { MaxDegreeOfParallelism = Writers, CancellationToken = token },
                    async (run, _) => await WriteRunAsync(guest, run));
                await guest.FlushAsync(token);
                written = runs.Sum(r => (long)r.Length);
            },
            cancellationToken);
        return written;
    }

    /// <summary>Where runs lie: the filled part is spread evenly, with the runs' order and kinds drawn from the seed.</summary>
    private static List<Run> Plan(long sizeBytes, GuestContentOptions options)
    {
        var random = new SplitMix((ulong)options.Seed);
        var slots = Math.Max(1, sizeBytes / RunBytes);
        var count = Math.Clamp(Math.Min((long)(slots * options.FillShare), options.MaxFillBytes / RunBytes), 1, slots);
        var runs = new List<Run>();
        for (long i = 0; i < count; i++)
        {
            var slot = (long)(slots * (double)i / count);
            var kind = random.NextDouble();
            var (source, seed) = kind < options.CommonShare ? (RunKind.Common, (ulong)options.CommonSeed * 1_000_003 + (ulong)i)
                : kind < options.CommonShare + options.TextShare ? (RunKind.Text, random.Next())
                : (RunKind.Random, random.Next());
            runs.Add(new Run(slot * RunBytes, (int)Math.Min(RunBytes, sizeBytes - (slot * RunBytes)), source, seed));
        }

        return runs;
    }

    private static async ValueTask WriteRunAsync(NbdClient guest, Run run)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(run.Length);
        try
        {
            Produce(run, buffer.AsSpan(0, run.Length));
            await guest.WriteAsync(run.Offset, buffer.AsMemory(0, run.Length), CancellationToken.None);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void Produce(Run run, Span<byte> target)
    {
        var random = new SplitMix(run.Seed);
        if (run.Kind == RunKind.Text)
        {
            Text(ref random, target);
        }
        else if (run.Kind == RunKind.Random)
        {
            random.Fill(target);
        }
        else
        {
            // Programs: half of it text-like tables, half dense code.
            Text(ref random, target[..(target.Length / 2)]);
            random.Fill(target[(target.Length / 2)..]);
        }
    }

    private static void Text(ref SplitMix random, Span<byte> target)
    {
        while (target.Length > 0)
        {
            var bits = random.Next();
            for (var i = 0; i < 8 && target.Length > 0; i++, bits >>= 8)
            {
                var word = Words[(int)(bits & 0xff) % Words.Length];
                var count = Math.Min(word.Length, target.Length);
                word.AsSpan(0, count).CopyTo(target);
                target = target[count..];
                if (target.Length > 0)
                {
                    target[0] = (bits & 0x0f) == 0 ? (byte)'\n' : (byte)' ';
                    target = target[1..];
                }
            }
        }
    }

    private enum RunKind
    {
        Common,
        Text,
        Random,
    }

    private readonly record struct Run(long Offset, int Length, RunKind Kind, ulong Seed);
}
