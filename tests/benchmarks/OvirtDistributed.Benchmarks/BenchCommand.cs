// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Runtime.InteropServices;
using OvirtDistributed.Benchmarks.IndexScale;
using OvirtDistributed.Benchmarks.Processes;
using OvirtDistributed.Repository;

namespace OvirtDistributed.Benchmarks;

/// <summary>The command line of <c>ovd-bench</c>, and the hidden modes in which it is started again as one of the measured processes.</summary>
internal static class BenchCommand
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        switch (arguments)
        {
            case [WorkerMode.Argument, var tls]:
                await WorkerMode.RunAsync(tls);
                return 0;
            case [ImageIoMode.Argument]:
                await ImageIoMode.RunAsync();
                return 0;
            default:
                return await NewRoot().Parse(arguments).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
        }
    }

    private static RootCommand NewRoot()
    {
        var rounds = new Option<int>("--rounds") { Description = "Rounds to measure; medians are reported", DefaultValueFactory = _ => 5 };
        var days = new Option<int>("--days") { Description = "Days of the simulated year", DefaultValueFactory = _ => 365 };
        var size = new Option<int>("--size-mib") { Description = "Size of the test disk in MiB; a third of it is data", DefaultValueFactory = _ => 2048 };
        var only = new Option<string>("--only") { Description = $"Steps to report, separated by commas: {string.Join(',', BenchOptions.Steps)} (default: all)", DefaultValueFactory = _ => string.Empty };
        var contenders = new Option<string>("--contenders") { Description = "Measure only those whose names begin like this, separated by commas, such as \"ovd (file),borg\" (default: all)", DefaultValueFactory = _ => string.Empty };
        var keep = new Option<bool>("--keep") { Description = "Leave images, repositories and logs where they are" };
        AddRange(rounds, 1, 100);
        AddRange(size, 128, 1 << 20);
        AddRange(days, 1, 3650);
        only.Validators.Add(result =>
        {
            foreach (var step in Split(result.GetValueOrDefault<string>()).Where(step => !BenchOptions.Steps.Contains(step, StringComparer.Ordinal)))
            {
                result.AddError($"--only '{step}' is no step: write {string.Join(", ", BenchOptions.Steps)}.");
            }
        });
        var root = new RootCommand("Measures backup and restore against restic, borg and qemu-img on this machine.") { rounds, size, only, contenders, days, keep };
        AddIndexMode(root, keep, parse => new BenchOptions
        {
            Rounds = parse.GetValue(rounds),
            SizeMiB = parse.GetValue(size),
            Only = Split(parse.GetValue(only)),
            Contenders = Split(parse.GetValue(contenders)),
            Days = parse.GetValue(days),
            Keep = parse.GetValue(keep),
        });
        return root;
    }

    private static void AddIndexMode(RootCommand root, Option<bool> keep, Func<ParseResult, BenchOptions> read)
    {
        var index = new Option<bool>("--index") { Description = "Measure the digest index at scale instead: growth, look-ups, rebuild" };
        var digests = new Option<long>("--digests") { Description = "With --index: how many digests", DefaultValueFactory = _ => 100_000_000 };
        var commit = new Option<long>("--commit-every") { Description = "With --index: digests between two commits (0 = runs are written when the memory table is full)", DefaultValueFactory = _ => 0 };
        var kept = new Option<string>("--kept") { Description = "With --index: a directory left by --keep, with as many digests; only look-ups are measured", DefaultValueFactory = _ => string.Empty };
        AddRange(digests, 1, 10_000_000_000);
        AddRange(commit, 0, 10_000_000_000);
        root.Add(index);
        root.Add(digests);
        root.Add(commit);
        root.Add(kept);
        root.SetAction((parse, cancellationToken) => RunModeAsync(
            async token =>
            {
                if (parse.GetValue(index))
                {
                    var options = new IndexOptions
                    {
                        Digests = parse.GetValue(digests),
                        CommitEvery = parse.GetValue(commit),
                        Keep = parse.GetValue(keep),
                        Kept = parse.GetValue(kept) ?? string.Empty,
                    };
                    using var bench = new IndexBench(options, Console.Out);
                    await bench.RunAsync(token);
                    return;
                }

                await using var run = new BenchRun(read(parse), Console.Out);
                await run.RunAsync(token);
            },
            cancellationToken));
    }

    private static string[] Split(string? steps) =>
        (steps ?? string.Empty).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static void AddRange<T>(Option<T> option, T from, T to)
        where T : struct, IComparable<T> => option.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<T>() is var value && (value.CompareTo(from) < 0 || value.CompareTo(to) > 0))
        {
            result.AddError($"{option.Name} {value} is out of range: write {from} to {to}.");
        }
    });

    private static async Task<int> RunModeAsync(Func<CancellationToken, Task> measure, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            await measure(stop.Token);
            return 0;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Interrupted.");
            return 130;
        }
        catch (Exception failure) when (failure is InvalidOperationException or TimeoutException or IOException or RepositoryException or Grpc.Core.RpcException)
        {
            await Console.Error.WriteLineAsync($"The benchmark failed: {failure.Message}");
            return 1;
        }
    }
}
