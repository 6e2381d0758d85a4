// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Maps;
using DiskRoot = OvirtDistributed.Contracts.Mover.V1.DiskRoot;

namespace OvirtDistributed.Worker.Mover;

/// <summary>A write session at the Data Mover. Failures come as <see cref="RpcException"/>.</summary>
internal sealed class BackupSession
{
    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(10);

    private readonly BackupSessionService.BackupSessionServiceClient _client;
    private readonly TimeProvider _time;

    private BackupSession(BackupSessionService.BackupSessionServiceClient client, OpenSessionResponse opened, TimeProvider time)
    {
        _client = client;
        _time = time;
        Opened = opened;
    }

    public OpenSessionResponse Opened { get; }

    public string Id => Opened.SessionId;

    public static async Task<BackupSession> OpenAsync(
        CallInvoker invoker, OpenSessionRequest request, TimeProvider time, CancellationToken cancellationToken)
    {
        var client = new BackupSessionService.BackupSessionServiceClient(invoker);
        var opened = await client.OpenSessionAsync(request, cancellationToken: cancellationToken);
        return new BackupSession(client, opened, time);
    }

    /// <summary>Pages an earlier attempt completed.</summary>
    public async Task<List<PageDigest>> ListDurablePagesAsync(CancellationToken cancellationToken)
    {
        var pages = new List<PageDigest>((int)Math.Min(Opened.DurablePages, 1 << 20));
        if (Opened.DurablePages == 0)
        {
            return pages;
        }

        using var call = _client.ListDurablePages(new ListDurablePagesRequest { SessionId = Id }, cancellationToken: cancellationToken);
        while (await call.ResponseStream.MoveNext(cancellationToken))
        {
            foreach (var page in call.ResponseStream.Current.Pages)
            {
                pages.Add(new PageDigest(page.PageIndex, new ChunkDigest(page.Digest.Span)));
            }
        }

        return pages;
    }

    /// <param name="digests">32-byte digests one after the other; must not change until the task has ended.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>One bit for each digest, lowest bit of the first byte first.</returns>
    public async Task<ByteString> HaveAsync(ReadOnlyMemory<byte> digests, CancellationToken cancellationToken)
    {
        var request = new HaveRequest { SessionId = Id, Digests = UnsafeByteOperations.UnsafeWrap(digests) };
        var response = await _client.HaveAsync(request, cancellationToken: cancellationToken);
        var needed = ((digests.Length / ChunkDigest.Size) + 7) / 8;
        return response.Held.Length >= needed
            ? response.Held
            : throw new RpcException(new Status(
                StatusCode.Internal, $"the answer holds {response.Held.Length} bytes for {digests.Length / ChunkDigest.Size} digests"));
    }

    /// <summary>Tells the Data Mover that somebody is still there.</summary>
    public Task TouchAsync(CancellationToken cancellationToken) => HaveAsync(ReadOnlyMemory<byte>.Empty, cancellationToken);

    /// <summary>Journals pages whose frames and chunks are durable.</summary>
    public async Task RecordPagesAsync(IReadOnlyCollection<PageDigest> pages, CancellationToken cancellationToken)
    {
        var request = new RecordPagesRequest { SessionId = Id };
        foreach (var page in pages)
        {
            request.Pages.Add(new DurablePage { PageIndex = page.PageIndex, Digest = ByteString.CopyFrom(page.Digest.ToArray()) });
        }

        await _client.RecordPagesAsync(request, cancellationToken: cancellationToken);
    }

    public async Task<CompleteDiskResponse> CompleteDiskAsync(DiskRoot root, CancellationToken cancellationToken) =>
        await _client.CompleteDiskAsync(new CompleteDiskRequest { SessionId = Id, Root = root }, cancellationToken: cancellationToken);

    /// <summary>Ends the session, under its own deadline; a session that cannot be closed expires by itself.</summary>
    public async Task CloseAsync()
    {
        using var limit = new CancellationTokenSource(CloseLimit, _time);
        try
        {
            await _client.CloseSessionAsync(new CloseSessionRequest { SessionId = Id }, cancellationToken: limit.Token);
        }
        catch (Exception failure) when (failure is RpcException or OperationCanceledException)
        {
            // Nothing depends on it: what was durable stays, and the Data Mover ends idle sessions.
        }
    }
}
