// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Runtime.InteropServices;
using OvirtDistributed.Benchmarks.Processes;

namespace OvirtDistributed.Benchmarks;

/// <summary>The command line of <c>ovd-bench</c>, and the hidden modes in which it is started again as one of the measured processes.</summary>
internal static class BenchCommand
{
    private static readonly string[] Steps = [BenchOptions.Full, BenchOptions.Incremental, BenchOptions.Restore];

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
        var rounds = new Option<int>("--rounds") { Description = "Rounds to measure; medians are reported", DefaultValueFactory = _ => 3 };
        var size = new Option<int>("--size-mib") { Description = "Size of the test disk in MiB; a third of it is data", DefaultValueFactory = _ => 2048 };
        var only = new Option<string>("--only") { Description = $"Steps to report, separated by commas: {string.Join(',', Steps)} (default: all)", DefaultValueFactory = _ => string.Empty };
        var contenders = new Option<string>("--contenders") { Description = "Measure only those whose names begin like this, separated by commas, such as \"ovd (file),borg\" (default: all)", DefaultValueFactory = _ => string.Empty };
        var keep = new Option<bool>("--keep") { Description = "Leave images, repositories and logs where they are" };
        AddRange(rounds, 1, 100);
        AddRange(size, 128, 1 << 20);
        only.Validators.Add(result =>
        {
            foreach (var step in Split(result.GetValueOrDefault<string>()).Where(step => !Steps.Contains(step, StringComparer.Ordinal)))
            {
                result.AddError($"--only '{step}' is no step: write {string.Join(", ", Steps)}.");
            }
        });
        var root = new RootCommand("Measures backup and restore against restic, borg and qemu-img on this machine.") { rounds, size, only, contenders, keep };
        root.SetAction((parse, cancellationToken) => MeasureAsync(
            new BenchOptions
            {
                Rounds = parse.GetValue(rounds),
                SizeMiB = parse.GetValue(size),
                Only = Split(parse.GetValue(only)),
                Contenders = Split(parse.GetValue(contenders)),
                Keep = parse.GetValue(keep),
            },
            cancellationToken));
        return root;
    }

    private static string[] Split(string? steps) =>
        (steps ?? string.Empty).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static void AddRange(Option<int> option, int from, int to) => option.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<int>() is var value && (value < from || value > to))
        {
            result.AddError($"{option.Name} {value} is out of range: write {from} to {to}.");
        }
    });

    private static async Task<int> MeasureAsync(BenchOptions options, CancellationToken cancellationToken)
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
            await using var run = new BenchRun(options, Console.Out);
            await run.RunAsync(stop.Token);
            return 0;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Interrupted.");
            return 130;
        }
        catch (Exception failure) when (failure is InvalidOperationException or TimeoutException or IOException or Grpc.Core.RpcException)
        {
            await Console.Error.WriteLineAsync($"The benchmark failed: {failure.Message}");
            return 1;
        }
    }
}
