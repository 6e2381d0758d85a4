// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Mover;
using DiskRoot = OvirtDistributed.Repository.Maps.DiskRoot;

namespace OvirtDistributed.Worker.Transports.Points;

/// <summary>
/// A disk of a restore point as the source of a copy: proven against its root, whatever the Data Mover sends. What changed since an earlier point
/// comes from the maps of both.
/// </summary>
internal sealed class PointSource : IDiskSource
{
    private const int SegmentBytes = 1 << 20;

    // Segments of one read that are fetched and decoded at once; the copy has several reads under way.
    private const int ReadAhead = 4;

    private readonly CopyDiskOrder _order;
    private readonly MoverChannels _channels;
    private readonly TimeProvider _time;
    private readonly ReadSession _session;
    private readonly SessionKeepAlive _alive;
    private readonly ContentKeys _keys;
    private readonly DiskRoot _root;
    private readonly DiskImageReader _reader;
    private readonly Func<string, OpenReadRequest> _request;

    private PointSource(CopyDiskOrder order, MoverChannels channels, ReadSession session, Func<string, OpenReadRequest> request, int connections, TimeProvider time)
    {
        _order = order;
        _channels = channels;
        _time = time;
        _session = session;
        _request = request;
        _keys = OrderKeys.Of(order.Source, session.Opened.Parameters);
        _root = OrderKeys.RequireRoot(order.SourceRoot, session.Opened.Root, $"The disk of restore point '{order.SourcePointId}'");
        _reader = new DiskImageReader(_root, session, _keys, new DiskImageReaderOptions { SegmentBytes = SegmentBytes, ReadAhead = ReadAhead });
        Connections = connections;
        _alive = SessionKeepAlive.Start(session.TouchAsync, session.Opened.IdleTimeoutSeconds, time);
    }

    public long SizeBytes => _root.DiskSize;

    public int Connections { get; }

    public string Route => "repository";

    public bool ReadsUnchanged => true;

    public Contracts.Mover.V1.RepositoryParameters Parameters => _session.Opened.Parameters;

    public ContentKeys Keys => _keys;

    /// <summary>Opens the point at its Data Mover.</summary>
    /// <exception cref="TaskFailureException">The order does not fit what is there, or the Data Mover cannot be reached.</exception>
    public static async Task<PointSource> OpenAsync(TaskOrder order, CopyDiskOrder copy, int connections, TlsIdentity? tls, TimeProvider time, CancellationToken cancellationToken)
    {
        OpenReadRequest Request(string pointId) => new()
        {
            Repository = copy.Source.Repository,
            PointId = pointId,
            DiskId = order.DiskId,
            TaskId = order.TaskId,
            FencingToken = order.FencingToken,
        };

        var channels = new MoverChannels(copy.Source.Address, tls, connections);
        ReadSession? session = null;
        try
        {
            session = await ReadSession.OpenAsync(channels.Calls, channels.Bulk, Request(copy.SourcePointId), time, cancellationToken);
            var size = session.Opened.Root.SizeBytes;
            return size == order.DiskSizeBytes
                ? new PointSource(copy, channels, session, Request, connections * 2, time)
                : throw new TaskFailureException(
                    FailureCode.BadOrder, $"The disk has {size} bytes in restore point '{copy.SourcePointId}', the order says {order.DiskSizeBytes}.");
        }
        catch (Exception failure)
        {
            if (session is not null)
            {
                await session.DisposeAsync();
            }

            channels.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            throw failure is RpcException or RepositoryException ? Classify(failure) : failure;
        }
    }

    public async IAsyncEnumerable<SourceExtent> ListExtentsAsync(bool changes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var extents = changes ? ListChangesAsync(cancellationToken) : ListAllAsync(cancellationToken);
        await using var list = extents.GetAsyncEnumerator(cancellationToken);
        while (await GuardAsync(() => list.MoveNextAsync().AsTask(), cancellationToken))
        {
            yield return list.Current;
        }
    }

    public async Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) => await GuardAsync(
        async () =>
        {
            await foreach (var extent in _reader.ReadAsync(new DiskRange(offset, destination.Length), cancellationToken))
            {
                using (extent)
                {
                    var target = destination.Slice((int)(extent.Offset - offset), (int)extent.Length);
                    if (extent.IsZero)
                    {
                        target.Span.Clear();
                    }
                    else
                    {
                        extent.Data.CopyTo(target);
                    }
                }
            }

            return true;
        },
        cancellationToken);

    /// <summary>Frames of the point as they are stored; not proven yet.</summary>
    public Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken) => _session.FetchAsync(digests, cancellationToken);

    /// <summary>The map of the disk.</summary>
    public Task<DiskMapFrames> LoadMapAsync(CancellationToken cancellationToken) => DiskMapFrames.LoadAsync(_root, _session, _keys, cancellationToken);

    /// <summary>The map of the disk in the earlier point.</summary>
    public async Task<DiskMapFrames> LoadBaseMapAsync(CancellationToken cancellationToken)
    {
        await using var before = await OpenBaseAsync(cancellationToken);
        var root = OrderKeys.RequireRoot(_order.SourceBaseRoot, before.Opened.Root, $"The disk of restore point '{_order.SourceBasePointId}'");
        return await DiskMapFrames.LoadAsync(root, before, _keys, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _alive.DisposeAsync();
        await _session.DisposeAsync();
        _channels.Dispose();
    }

    private async IAsyncEnumerable<SourceExtent> ListAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var range in _reader.ListRangesAsync(new DiskRange(0, _root.DiskSize), cancellationToken))
        {
            yield return new SourceExtent(range.Offset, range.Length, range.IsZero, IsDirty: false);
        }
    }

    private async IAsyncEnumerable<SourceExtent> ListChangesAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var before = await OpenBaseAsync(cancellationToken);
        var baseRoot = OrderKeys.RequireRoot(_order.SourceBaseRoot, before.Opened.Root, $"The disk of restore point '{_order.SourceBasePointId}'");
        await foreach (var range in DiskDifference.ListAsync(_root, _session, baseRoot, before, _keys, cancellationToken))
        {
            yield return new SourceExtent(range.Offset, range.Length, range.IsZero, range.IsChanged);
        }
    }

    private Task<ReadSession> OpenBaseAsync(CancellationToken cancellationToken) =>
        ReadSession.OpenAsync(_channels.Calls, _channels.Bulk, _request(_order.SourceBasePointId), _time, cancellationToken);

    private static async Task<T> GuardAsync<T>(Func<Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call();
        }
        catch (Exception failure) when (failure is RpcException or RepositoryException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Classify(failure);
        }
    }

    private static TaskFailureException Classify(Exception failure) => failure switch
    {
        RpcException { StatusCode: StatusCode.NotFound } call => new TaskFailureException(
            FailureCode.BadOrder, $"The source's Data Mover does not know what the order names: {call.Status.Detail}", call),
        RpcException call => MoverFailures.Classify(call),
        RepositoryException damage => MoverFailures.Classify(damage),
        _ => throw new ArgumentException("Not a failure of a Data Mover.", nameof(failure), failure),
    };
}
