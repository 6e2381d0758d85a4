// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

/// <summary>Guards as processes: this program once more, with another verb.</summary>
internal sealed partial class ThawGuardProcesses(
    IDbContextFactory<ServerDbContext> contexts, PasswordSeal seal, TimeProvider time, ServerOptions options, ILogger<ThawGuardProcesses> logger) : IThawGuards
{
    private const string Program = "ovd-server";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);

    public async Task<IThawGuard> StartAsync(GuardedGuest guest, CancellationToken cancellationToken)
    {
        var order = await OrderAsync(guest, cancellationToken);
        var process = Process.Start(StartOf()) ?? throw new InvalidOperationException($"{Program} {ThawGuardProgram.Verb} could not be started.");
        process.ErrorDataReceived += (_, line) => Report(guest.VmId, line.Data);
        process.BeginErrorReadLine();
        try
        {
            using var limit = new CancellationTokenSource(StartLimit, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(order).AsMemory(), either.Token);
            await process.StandardInput.FlushAsync(either.Token);
            return await process.StandardOutput.ReadLineAsync(either.Token).AsTask().WaitAsync(either.Token) == ThawGuardOrder.Ready
                ? new ThawGuardProcess(process, time)
                : throw new InvalidOperationException($"{Program} {ThawGuardProgram.Verb} ended at once; the server's log says why.");
        }
        catch
        {
            // It has nothing to guard yet.
            process.Kill();
            process.Dispose();
            throw;
        }
    }

    /// <summary>The program itself where it lies beside us, as in any installation and in a test's folder; else by way of the runtime.</summary>
    internal static ProcessStartInfo StartOf()
    {
        var own = Path.Combine(AppContext.BaseDirectory, Program);
        var runtime = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet";
        var start = new ProcessStartInfo(File.Exists(own) ? own : runtime)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        if (!File.Exists(own))
        {
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, $"{Program}.dll"));
        }

        start.ArgumentList.Add(ThawGuardProgram.Verb);

        // One call in a minute needs no heap for every core.
        start.Environment["DOTNET_gcServer"] = "0";
        return start;
    }

    private async Task<ThawGuardOrder> OrderAsync(GuardedGuest guest, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var manager = await context.Managers.AsNoTracking().FirstOrDefaultAsync(row => row.Id == guest.ManagerId, cancellationToken)
            ?? throw new EngineException(EngineFailure.Refused, $"Manager {guest.ManagerId} is not known any more.");
        return new ThawGuardOrder
        {
            VmId = guest.VmId,
            CorrelationId = guest.CorrelationId,
            ApiUrl = manager.Url,
            User = manager.UserName,
            Password = seal.Open(manager.Id, manager.SealedPassword),
            CaPem = manager.CaPem,
            HostAddresses = manager.HostAddresses,
            Timeout = guest.Timeout,
            Lifetime = guest.Lifetime,
            Pause = options.PollInterval,
            Patience = options.ThawPatience,
        };
    }

    private void Report(Guid vmId, string? line)
    {
        if (!string.IsNullOrWhiteSpace(line))
        {
            Log.Said(logger, vmId, line);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The thaw guard of VM {VmId} says: {Line}")]
        public static partial void Said(ILogger logger, Guid vmId, string line);
    }
}
