// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Simulator;

/// <summary>The command line of <c>ovd-simulator</c>.</summary>
internal static class SimulatorCommand
{
    private static readonly Option<int> Port = new("--port") { Description = "Port of the manager; 0 takes a free one.", DefaultValueFactory = _ => 0 };
    private static readonly Option<string> Listen = new("--listen") { Description = "Address to listen on.", DefaultValueFactory = _ => "127.0.0.1" };
    private static readonly Option<string?> Name = new("--name") { Description = "Name of the manager in URLs and in its certificate; the listen address by default." };
    private static readonly Option<string> Preset = new("--preset") { Description = "Inventory: empty, small, two-clusters, sdk-examples.", DefaultValueFactory = _ => "small" };
    private static readonly Option<int> Seed = new("--seed") { Description = "Seed of ids and disk content.", DefaultValueFactory = _ => 1 };
    private static readonly Option<string?> Data = new("--data") { Description = "Directory for disks, inventory and the CA; kept at the end. The next start with it goes on from there. A temporary one by default." };
    private static readonly Option<string[]> Users = new("--user") { Description = "A user that may log in, as NAME:PASSWORD. May be repeated; admin@internal:password by default." };
    private static readonly Option<string[]> HostAddresses = new("--host-address") { Description = "NAME=ADDRESS: what transfer URLs call a host. An unreachable address makes a proxy-only network. May be repeated." };
    private static readonly Option<string?> ControlSocket = new("--imageio-control") { Description = "Control socket of a real ovirt-imageio daemon that gets the tickets. Certificates for it are written to pki/ in the data directory." };
    private static readonly Option<int> ImageIoPort = new("--imageio-port") { Description = "Port on which that daemon serves images.", DefaultValueFactory = _ => 54322 };
    private static readonly Option<bool> Realistic = new("--realistic") { Description = "Take as long as an engine does: steps of 1 to 10 seconds." };
    private static readonly Option<string> Hybrid = new("--hybrid-from") { Description = "Cluster level from which backups take a snapshot, or 'never'.", DefaultValueFactory = _ => "4.7" };
    private static readonly Option<string?> EngineVersion = new("--engine-version") { Description = "Version the manager reports, such as 4.3.10: before 4.4.7 it lacks what such a manager lacks." };
    private static readonly Option<bool> ProxyOnly = new("--proxy-only") { Description = "Transfer URLs name an address of the hosts that nobody reaches, so that clients have to use the proxy." };
    private static readonly Option<bool> PrintEnv = new("--print-env") { Description = "Print the connection as shell variables, and nothing else, when ready." };
    private static readonly Option<string?> CaFile = new("--ca-file") { Description = "Also write the CA certificate to this file." };

    private static readonly Option<bool> Verbose = new("--verbose") { Description = "Log refused requests too." };

    public static RootCommand Create()
    {
        var root = new RootCommand("A simulated oVirt manager with hosts and storage, for tests and demonstrations.")
        {
            Port, Listen, Name, Preset, Seed, Data, Users, HostAddresses, ControlSocket, ImageIoPort, Realistic, Hybrid, EngineVersion, ProxyOnly, PrintEnv, CaFile, Verbose,
        };
        root.SetAction(RunAsync);
        return root;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        try
        {
            var preset = parsed.GetValue(Preset)!;
            var model = SimulatorModel.Preset(preset)
                ?? throw new ArgumentException($"--preset: there is no '{preset}'; known: empty, small, two-clusters, sdk-examples.");
            using var loggers = LoggerFactory.Create(b => b
                .AddSimpleConsole(o => o.SingleLine = true)
                .SetMinimumLevel(parsed.GetValue(Verbose) ? LogLevel.Information : LogLevel.Warning));
            await using var host = await SimulatorHost.StartAsync(
                Options(parsed) with { Loggers = loggers }, model with { Seed = parsed.GetValue(Seed) }, cancellationToken);
            if (parsed.GetValue(CaFile) is { } file)
            {
                await File.WriteAllTextAsync(file, host.CaPem, cancellationToken);
            }

            Announce(parsed, host);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            return 0;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return 0;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or IOException or InvalidOperationException or UnauthorizedAccessException
            or Storage.StorageException or System.Net.Sockets.SocketException)
        {
            await Console.Error.WriteLineAsync($"ovd-simulator: {e.Message}");
            return 1;
        }
    }

    private static SimulatorOptions Options(ParseResult parsed)
    {
        var listen = parsed.GetValue(Listen)!;
        var users = (parsed.GetValue(Users) ?? []).Select(u => Pair(u, ':', "--user")).ToList();
        var options = new SimulatorOptions
        {
            Port = parsed.GetValue(Port),
            ListenAddress = listen,
            ManagerName = parsed.GetValue(Name) ?? listen,
            DataDirectory = parsed.GetValue(Data),
            HostAddresses = (parsed.GetValue(HostAddresses) ?? []).Select(a => Pair(a, '=', "--host-address"))
                .ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal),
            ImageIoControlSocket = parsed.GetValue(ControlSocket),
            ImageIoPort = parsed.GetValue(ImageIoPort),
            Pace = parsed.GetValue(Realistic) ? Pace.Realistic : Pace.Fast,
            HybridBackupFrom = ParseLevel(parsed.GetValue(Hybrid)!),
            ProxyOnly = parsed.GetValue(ProxyOnly),
        };
        options = parsed.GetValue(EngineVersion) is { } version ? options with { EngineVersion = version } : options;
        return users.Count == 0 ? options : options with { User = users[0].Key, Password = users[0].Value, MoreUsers = users[1..] };
    }

    private static KeyValuePair<string, string> Pair(string text, char separator, string option)
    {
        var index = text.IndexOf(separator);
        return index > 0
            ? new(text[..index], text[(index + 1)..])
            : throw new ArgumentException($"{option}: '{text}' must have the form NAME{separator}VALUE.");
    }

    private static Version? ParseLevel(string text) =>
        text == "never" ? null
        : Version.TryParse(text, out var level) ? level
        : throw new ArgumentException($"--hybrid-from: '{text}' must be a level like 4.7, or never.");

    private static void Announce(ParseResult parsed, SimulatorHost host)
    {
        var options = Options(parsed);
        if (host.Restored)
        {
            Console.Error.WriteLine(
                $"The inventory of {parsed.GetValue(Data)} goes on from the last run; --preset and --seed are not applied. Sessions, jobs and image transfers have ended; backups that ran have failed; guests that ran have been started again.");
        }

        if (parsed.GetValue(PrintEnv))
        {
            Console.Out.WriteLine($"export OVIRT_URL='{host.ApiUrl}'");
            Console.Out.WriteLine($"export OVIRT_USERNAME='{options.User}'");
            Console.Out.WriteLine($"export OVIRT_PASSWORD='{options.Password}'");
            Console.Out.WriteLine($"export OVIRT_CA_PEM='{host.CaPem.TrimEnd()}'");
            Console.Out.WriteLine("# ready");
        }
        else
        {
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Simulated oVirt manager: {host.ApiUrl}"));
            Console.Out.WriteLine($"Log in as {options.User} with password {options.Password}; about: {new Uri(host.ApiUrl, "/simulator/about")}");
            Console.Out.WriteLine("Ctrl-C stops it.");
        }

        Console.Out.Flush();
    }
}
