// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Mover;

namespace OvirtDistributed.Worker.Rescue;

/// <summary>A disk of a restore point, open for reading: from its own repository, and where that fails from copies.</summary>
internal sealed class PointDisk : IAsyncDisposable
{
    private readonly ReadSession? _session;
    private readonly SessionKeepAlive? _alive;
    private readonly PointRescue _rescue;
    private readonly ContentKeys _keys;

    private PointDisk(DiskRoot root, ReadSession? session, ContentKeys keys, PointRescue rescue, TimeProvider time)
    {
        Root = root;
        _session = session;
        _keys = keys;
        _rescue = rescue;
        _alive = session is null ? null : SessionKeepAlive.Start(session.TouchAsync, session.Opened.IdleTimeoutSeconds, time);
    }

    public DiskRoot Root { get; }

    /// <summary>Encoded bytes that came from the point's own repository.</summary>
    public long ReceivedBytes => _session?.ReceivedBytes ?? 0;

    /// <summary>Opens it; without its own repository where that cannot be reached and a copy can.</summary>
    /// <exception cref="TaskFailureException">The order does not fit what is there.</exception>
    /// <exception cref="RpcException">The Data Mover's failures.</exception>
    public static async Task<PointDisk> OpenAsync(
        PointDiskOrder order, MoverChannels channels, RescueLog log, TlsIdentity? tls, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        ReadSession? session = null;
        var keys = ContentKeys.Plain;
        string? lost = null;
        try
        {
            session = await OpenSessionAsync(order, channels, time, cancellationToken);
            keys = OrderKeys.Of(order.Mover, session.Opened.Parameters);
        }
        catch (Exception failure) when (order.CanDoWithout && MayGoOn(failure, cancellationToken))
        {
            lost = MoverFailures.Told(failure).Message;
            log.Unreachable(lost);
        }
        catch
        {
            await DisposeAsync(session);
            throw;
        }

        var own = new OwnPoint(session?.Opened, keys, token => OpenSessionAsync(order, channels, time, token), lost, mayReopen: order.CanDoWithout);
        var rescue = new PointRescue(order, own, [.. order.Copies.Select(copy => new CopyReader(copy, order, tls, time))], log, logger);
        return new PointDisk(OrderKeys.ToRoot(session?.Opened.Root ?? order.Root!), session, keys, rescue, time);
    }

    /// <summary>Reads what it has, with the given bounds.</summary>
    /// <param name="segmentBytes">As of the reader.</param>
    /// <param name="readAhead">As of the reader.</param>
    /// <param name="rescues">Whether copies help out; else what is damaged ends the read.</param>
    public DiskImageReader NewReader(int segmentBytes, int readAhead, bool rescues = true) => new(
        Root, (IFrameSource?)_session ?? new NoFrames(), _keys, new DiskImageReaderOptions { SegmentBytes = segmentBytes, ReadAhead = readAhead }, rescues ? _rescue : null);

    public async ValueTask DisposeAsync()
    {
        if (_alive is not null)
        {
            await _alive.DisposeAsync();
        }

        await DisposeAsync(_session);
        await _rescue.DisposeAsync();
    }

    private static async Task<ReadSession> OpenSessionAsync(PointDiskOrder order, MoverChannels channels, TimeProvider time, CancellationToken cancellationToken)
    {
        var session = await ReadSession.OpenAsync(channels.Calls, channels.Bulk, order.Request(), time, cancellationToken);
        try
        {
            OrderKeys.RequireRoot(order.Root, session.Opened.Root, $"Disk {order.DiskId} of point '{order.PointId}'");
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Not when this attempt is not in charge any more, nor when the Data Mover lies about the encryption.</summary>
    private static bool MayGoOn(Exception failure, CancellationToken cancellationToken) => !cancellationToken.IsCancellationRequested && failure switch
    {
        RpcException call => MoverFailures.Classify(call).Code != FailureCode.Fenced,
        TaskFailureException told => told.Code == FailureCode.RepositoryDamaged,
        _ => false,
    };

    private static ValueTask DisposeAsync(ReadSession? session) => session?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>In place of a repository that could not be opened.</summary>
    private sealed class NoFrames : IFrameSource
    {
        public Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken) =>
            Task.FromException<FrameBatch>(new RepositoryException(RepositoryError.Unavailable, "the point's own repository cannot be reached"));
    }
}
