// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Runtime.InteropServices;

namespace OvirtDistributed.Lab.Demo;

/// <summary>The command line of <c>ovd-lab</c>.</summary>
internal static class LabCommand
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var rabbit = new Option<bool>("--rabbitmq") { Description = "Run every service as a process of its own over a private RabbitMQ (default: one process, in-memory bus)" };
        var keep = new Option<bool>("--keep") { Description = "Leave the lab running at the end and print commands to try; Ctrl-C ends it" };
        var data = new Option<DirectoryInfo?>("--data") { Description = "Directory for everything the lab stores; kept at the end (default: a temporary one, removed)" };
        var size = new Option<int>("--size") { Description = "Size of the VM's system disk in MiB", DefaultValueFactory = _ => 2048 };
        size.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 64 or > 1 << 20)
            {
                result.AddError("--size must be between 64 and 1048576 (MiB).");
            }
        });
        var demo = new Command("demo", "Back up a VM in full and incrementally on a lab, restore both points and compare every byte") { rabbit, keep, data, size };
        demo.SetAction((parse, cancellationToken) => RunDemoAsync(
            new DemoOptions(parse.GetValue(rabbit), parse.GetValue(keep), parse.GetValue(data)?.FullName, parse.GetValue(size)), cancellationToken));
        var root = new RootCommand("A whole OvirtDistributed installation on one machine, over a simulated oVirt manager.") { demo };
        return await root.Parse(arguments).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
    }

    private static async Task<int> RunDemoAsync(DemoOptions options, CancellationToken cancellationToken)
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
            return await new DemoRun(options, Console.Out).RunAsync(stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Interrupted.");
            return 130;
        }
        catch (Exception failure) when (failure is InvalidOperationException or TimeoutException or IOException or Grpc.Core.RpcException)
        {
            await Console.Error.WriteLineAsync($"The demo failed: {failure.Message}");
            return 1;
        }
    }
}
