// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Trust;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

/// <summary>
/// <c>ovd-server thaw-guard</c>: a process that the server starts before it freezes a guest, and that thaws it when the server is gone. It has a session of its own, so that
/// what ends the server's process group does not end it, and it does not heed the signals that ask to end: it ends by itself, soon.
/// </summary>
internal static partial class ThawGuardProgram
{
    public const string Verb = "thaw-guard";

    /// <summary>Returns 0 when the guest is thawed, 1 when it may still be frozen, 2 when there is no order that it could carry out.</summary>
    public static async Task<int> RunAsync(Stream input, Stream output)
    {
        _ = NewSession();
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => signal.Cancel = true);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => signal.Cancel = true);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal => signal.Cancel = true);
        using var words = new StreamReader(input);
        if (await words.ReadLineAsync(CancellationToken.None) is not { } line || JsonSerializer.Deserialize<ThawGuardOrder>(line) is not { } order)
        {
            return 2;
        }

        try
        {
            await using var client = Connect(order);
            var engine = new OvirtEngine(client);
            await output.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"{ThawGuardOrder.Ready}\n"), CancellationToken.None);
            await output.FlushAsync(CancellationToken.None);
            return await new ThawGuardDuty(order, token => engine.ThawGuestAsync(order.VmId, order.CorrelationId, token), words, TimeProvider.System).RunAsync();
        }
        catch (Exception failure) when (failure is OvirtException or IOException)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            return 2;
        }
    }

    // Short limits: the guard itself tries again, and looks in between whether it is still needed.
    private static OvirtEngineClient Connect(ThawGuardOrder order) => new OvirtEngineClientFactory(TimeProvider.System, NullLoggerFactory.Instance).Create(new EngineConnection
    {
        ApiUrl = new Uri(order.ApiUrl),
        User = order.User,
        Password = new Secret(order.Password),
        Trust = new TlsTrust { WebCaPem = order.CaPem.Length > 0 ? order.CaPem : null },
        HostAddresses = order.HostAddresses,
        Retry = new EngineRetryOptions { LockedLimit = TimeSpan.Zero, UnreachableLimit = TimeSpan.Zero },
        Timeouts = new EngineTimeouts { Request = FreezeLimits.OneThaw },
    });

    [LibraryImport("libc", EntryPoint = "setsid", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int NewSession();
}
