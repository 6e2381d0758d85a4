// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Mover;
using WireParameters = OvirtDistributed.Contracts.Mover.V1.RepositoryParameters;

namespace OvirtDistributed.Worker.Rescue;

/// <summary>
/// A copy of the disk in another repository, opened when it is first needed. Everything it gives was proven against its own root, which the order names. Its
/// failures are answers, never exceptions: there may be other copies.
/// </summary>
internal sealed class CopyReader(PointCopy copy, PointDiskOrder order, TlsIdentity? tls, TimeProvider time) : IAsyncDisposable
{
    private const int SegmentBytes = 1 << 20;
    private const int ReadAhead = 2;
    private const int Connections = 2;

    // A call that fails for another reason than damage may work the next time; a copy that goes on failing only costs time.
    private const int MostFailures = 3;

    private readonly SemaphoreSlim _opening = new(1, 1);
    private MoverChannels? _channels;
    private ReadSession? _session;
    private SessionKeepAlive? _alive;
    private ContentKeys? _keys;
    private DiskImageReader? _reader;
    private int _failures;

    public string Name => copy.RepositoryName;

    /// <summary>What it failed with last; empty when it has not.</summary>
    public string Problem { get; private set; } = "";

    /// <summary>It is not asked any more: it cannot be reached, or gave bytes that are not the point's.</summary>
    public bool IsOut { get; private set; }

    public void GiveUp(string why) => (IsOut, Problem) = (true, why);

    /// <summary>A frame by its name, where both repositories name content alike.</summary>
    /// <param name="own">How the point's own repository names content.</param>
    /// <param name="kind">Of the frame.</param>
    /// <param name="digest">Its name.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The frame as it is stored there, and its content, proven; null when it is not to be had.</returns>
    public Task<(byte[] Frame, byte[] Plain)?> FindFrameAsync(WireParameters own, FrameKind kind, ChunkDigest digest, CancellationToken cancellationToken) =>
        TryAsync<(byte[] Frame, byte[] Plain)?>(
            async session =>
            {
                if (!ReplicaRule.AreReplicas(own, session.Opened.Parameters))
                {
                    return null;
                }

                using var frames = await session.FetchAloneAsync(new[] { digest }, cancellationToken);
                using var decoder = new FrameDecoder(_keys!);
                var plain = new byte[FrameHeader.Read(frames[0].Span).PlainLength];
                decoder.Decode(frames[0].Span, digest, kind, plain);
                return (frames[0].ToArray(), plain);
            },
            cancellationToken);

    /// <summary>The bytes of a range.</summary>
    /// <returns>False when the copy does not have them.</returns>
    public Task<bool> TryReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) => TryAsync(
        async _ =>
        {
            await foreach (var extent in _reader!.ReadAsync(new DiskRange(offset, destination.Length), cancellationToken))
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

    /// <summary>The layout of a range; null when the copy does not have it.</summary>
    public Task<List<ImageRange>?> TryListAsync(DiskRange range, CancellationToken cancellationToken) => TryAsync<List<ImageRange>?>(
        async _ =>
        {
            var layout = new List<ImageRange>();
            await foreach (var part in _reader!.ListRangesAsync(range, cancellationToken))
            {
                layout.Add(part);
            }

            return layout;
        },
        cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_alive is not null)
        {
            await _alive.DisposeAsync();
        }

        if (_session is not null)
        {
            await _session.DisposeAsync();
        }

        _channels?.Dispose();
        _opening.Dispose();
    }

    private async Task<T?> TryAsync<T>(Func<ReadSession, Task<T>> call, CancellationToken cancellationToken)
    {
        if (IsOut)
        {
            return default;
        }

        try
        {
            var answer = await call(await OpenAsync(cancellationToken));
            _failures = 0;
            return answer;
        }
        catch (Exception failure) when (failure is RpcException or RepositoryException or TaskFailureException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var told = MoverFailures.Told(failure);
            Problem = told.Message;

            // Damage is of one place, everything else of the whole copy.
            IsOut |= _reader is null || (told.Code != FailureCode.RepositoryDamaged && Interlocked.Increment(ref _failures) >= MostFailures);
            return default;
        }
    }

    private async Task<ReadSession> OpenAsync(CancellationToken cancellationToken)
    {
        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (_session is null)
            {
                _channels ??= new MoverChannels(copy.Mover.Address, tls, Connections);
                var request = (order with { Mover = copy.Mover, PointId = copy.PointId }).Request();
                await OpenAsync(await ReadSession.OpenAsync(_channels.Calls, _channels.Bulk, request, time, cancellationToken));
            }

            return _session!;
        }
        finally
        {
            _opening.Release();
        }
    }

    /// <summary>Whoever waited meanwhile finds either all of it, or nothing and the reason.</summary>
    private async Task OpenAsync(ReadSession session)
    {
        try
        {
            var root = OrderKeys.RequireRoot(copy.Root, session.Opened.Root, $"The copy of the disk in repository '{Name}', point '{copy.PointId}',");
            _keys = OrderKeys.Of(copy.Mover, session.Opened.Parameters);
            _reader = new DiskImageReader(root, session, _keys, new DiskImageReaderOptions { SegmentBytes = SegmentBytes, ReadAhead = ReadAhead });
            _alive = SessionKeepAlive.Start(session.TouchAsync, session.Opened.IdleTimeoutSeconds, time);
            _session = session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }
}
