// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.Worker.Mover;

/// <summary>A read session at the Data Mover, as the source of frames for the repository library.</summary>
/// <remarks>Fetches are spread over the connections; on each, the next one is asked for while the answer to the one before still comes.</remarks>
internal sealed class ReadSession : IFrameSource, IAsyncDisposable
{
    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(10);

    private readonly ReadSessionService.ReadSessionServiceClient _client;
    private readonly TimeProvider _time;
    private readonly IReadOnlyList<CallInvoker> _bulk;
    private readonly FrameLane[] _lanes;
    private readonly CancellationTokenSource _ended;
    private int _next;

    private ReadSession(
        ReadSessionService.ReadSessionServiceClient client, OpenReadResponse opened, IReadOnlyList<CallInvoker> bulk, TimeProvider time)
    {
        _client = client;
        _time = time;
        _bulk = bulk;
        Opened = opened;
        _ended = new CancellationTokenSource();
        _lanes = [.. bulk.Select(invoker => new FrameLane(invoker, opened.ReadSessionId, _ended.Token))];
    }

    public OpenReadResponse Opened { get; }

    /// <summary>Encoded bytes that came.</summary>
    public long ReceivedBytes => _lanes.Sum(lane => lane.ReceivedBytes);

    public static async Task<ReadSession> OpenAsync(
        CallInvoker invoker, IReadOnlyList<CallInvoker> bulk, OpenReadRequest request, TimeProvider time, CancellationToken cancellationToken)
    {
        var client = new ReadSessionService.ReadSessionServiceClient(invoker);
        var opened = await client.OpenReadAsync(request, cancellationToken: cancellationToken);
        return new ReadSession(client, opened, bulk, time);
    }

    public async Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        var lane = _lanes[(uint)Interlocked.Increment(ref _next) % (uint)_lanes.Length];
        return await FetchAsync(lane, digests, cancellationToken);
    }

    /// <summary>Fetches over a stream of its own: what fails is this fetch and none beside it.</summary>
    public async Task<FrameBatch> FetchAloneAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        await using var lane = new FrameLane(_bulk[0], Opened.ReadSessionId, _ended.Token);
        return await FetchAsync(lane, digests, cancellationToken);
    }

    /// <summary>How long the content of a frame is, also of one that is lost; 0 when the repository does not know.</summary>
    public async Task<int> DescribeAsync(ChunkDigest digest, CancellationToken cancellationToken)
    {
        var request = new DescribeFramesRequest { ReadSessionId = Opened.ReadSessionId, Digests = ByteString.CopyFrom(digest.ToArray()) };
        var answer = await _client.DescribeFramesAsync(request, cancellationToken: cancellationToken);
        return answer.PlainLengths.Count == 1 ? answer.PlainLengths[0] : 0;
    }

    /// <summary>Sends a frame that replaces a damaged one.</summary>
    /// <param name="frame">Whole and encoded.</param>
    /// <param name="contentIsWrong">The repository's own frame decodes to other content.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Whether it was stored; else the repository holds a whole one.</returns>
    public async Task<bool> RepairAsync(ReadOnlyMemory<byte> frame, bool contentIsWrong, CancellationToken cancellationToken)
    {
        var request = new RepairFramesRequest { ReadSessionId = Opened.ReadSessionId, ContentIsWrong = contentIsWrong, Frames = { UnsafeByteOperations.UnsafeWrap(frame) } };
        var answer = await _client.RepairFramesAsync(request, cancellationToken: cancellationToken);
        return answer.Repairs is [FrameRepair.Stored];
    }

    /// <summary>Tells the Data Mover that somebody is still there: only fetching does, an open stream does not.</summary>
    public async Task TouchAsync(CancellationToken cancellationToken)
    {
        var root = new ChunkDigest(Opened.Root.Digest.Span);
        if (!root.IsZero)
        {
            (await FetchAsync(new[] { root }, cancellationToken)).Dispose();
        }
    }

    /// <summary>Tells the Data Mover of chunks whose content is not what their digests say, so that the next backup sends them again.</summary>
    /// <returns>How many it noted.</returns>
    public async Task<int> ReportBadContentAsync(long page, IReadOnlyCollection<ChunkDigest> chunks, CancellationToken cancellationToken)
    {
        var digests = new byte[chunks.Count * ChunkDigest.Size];
        var at = 0;
        foreach (var chunk in chunks)
        {
            chunk.CopyTo(digests.AsSpan(at));
            at += ChunkDigest.Size;
        }

        var request = new ReportBadContentRequest
        {
            ReadSessionId = Opened.ReadSessionId,
            PageIndex = page,
            Digests = UnsafeByteOperations.UnsafeWrap(digests),
        };
        return (await _client.ReportBadContentAsync(request, cancellationToken: cancellationToken)).Noted;
    }

    private static async Task<FrameBatch> FetchAsync(FrameLane lane, ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        try
        {
            return await lane.FetchAsync(digests, cancellationToken);
        }
        catch (RpcException failure)
        {
            var error = failure.StatusCode == StatusCode.DataLoss ? RepositoryError.Damaged : RepositoryError.Unavailable;
            throw new RepositoryException(error, failure.Status.Detail, failure);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        foreach (var lane in _lanes)
        {
            await lane.DisposeAsync();
        }

        _ended.Dispose();
        using var limit = new CancellationTokenSource(CloseLimit, _time);
        try
        {
            await _client.CloseReadAsync(new CloseReadRequest { ReadSessionId = Opened.ReadSessionId }, cancellationToken: limit.Token);
        }
        catch (Exception failure) when (failure is RpcException or OperationCanceledException)
        {
            // The Data Mover ends idle sessions by itself.
        }
    }
}
