// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine.Backups;
using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Events;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Engine.Jobs;
using OvirtDistributed.Ovirt.Engine.Snapshots;
using OvirtDistributed.Ovirt.Engine.Transfers;
using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>One manager, spoken to over its REST API v4. Safe for concurrent use; one per manager is enough.</summary>
/// <remarks>
/// Every failure is an <see cref="OvirtException"/>. Calls that the engine refuses as locked, and idempotent calls while it is away,
/// are repeated here and nowhere else, within <see cref="EngineRetryOptions"/>. A caller's cancellation surfaces as <see cref="OperationCanceledException"/>.
/// </remarks>
public sealed partial class OvirtEngineClient : IAsyncDisposable
{
    private readonly EngineConnection _connection;
    private readonly HttpMessageInvoker _invoker;
    private readonly OAuthSession _session;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private int _disposed;

    internal OvirtEngineClient(EngineConnection connection, HttpMessageHandler handler, TimeProvider timeProvider, ILogger logger)
    {
        _connection = connection;
        _timeProvider = timeProvider;
        _logger = logger;
        _invoker = new HttpMessageInvoker(handler);
        var exchange = new HttpExchange(_invoker, connection.ApiUrl.Authority, connection.Timeouts.Request, timeProvider);
        _session = new OAuthSession(connection, exchange);
        var http = new EngineHttp(connection, _session, exchange, timeProvider, logger);
        var poll = new EnginePoll(connection.Timeouts, timeProvider);
        Inventory = new EngineInventory(http, connection.PageSize);
        Vms = new EngineVms(http, poll, connection.PageSize);
        Disks = new EngineDisks(http, poll, connection.PageSize);
        Events = new EngineEvents(http);
        Jobs = new EngineJobs(http, poll);
        Snapshots = new EngineSnapshots(http, poll);
        Backups = new EngineBackups(http, poll, Events);
        Transfers = new EngineTransfers(http, poll, Disks, timeProvider, logger);
    }

    public EngineInventory Inventory { get; }

    public EngineVms Vms { get; }

    public EngineDisks Disks { get; }

    public EngineSnapshots Snapshots { get; }

    public EngineBackups Backups { get; }

    public EngineTransfers Transfers { get; }

    public EngineEvents Events { get; }

    public EngineJobs Jobs { get; }

    /// <summary>Logs out, within its own short deadline, and closes all connections. A session that could not be ended ends by itself when idle.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        using (var deadline = new CancellationTokenSource(_connection.Timeouts.Logout, _timeProvider))
        {
            try
            {
                await _session.LogoutAsync(deadline.Token);
            }
            catch (Exception exception) when (exception is OvirtException or OperationCanceledException)
            {
                Log.LogoutFailed(_logger, _connection.ApiUrl.Authority, exception.Message);
            }
        }

        _session.Dispose();
        _invoker.Dispose();
    }
}
