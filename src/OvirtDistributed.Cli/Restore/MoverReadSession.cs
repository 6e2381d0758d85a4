// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using DiskRoot = OvirtDistributed.Repository.Maps.DiskRoot;

namespace OvirtDistributed.Cli.Restore;

/// <summary>
/// A read session at the Data Mover. Streams of frames are opened on it; when it is lost (a restart of the Data Mover, an idle end)
/// it is opened again, for the same root: what was read before stays valid.
/// </summary>
internal sealed class MoverReadSession : IAsyncDisposable
{
    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(5);

    private readonly MoverChannels _channels;
    private readonly ReadSessionService.ReadSessionServiceClient _client;
    private readonly OpenReadRequest _request;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _opening = new(1, 1);
    private string _id;

    private MoverReadSession(
        MoverChannels channels, ReadSessionService.ReadSessionServiceClient client, OpenReadRequest request, OpenReadResponse opened, TimeSpan timeout, TimeProvider time)
    {
        _channels = channels;
        _client = client;
        _request = request;
        _timeout = timeout;
        _time = time;
        _id = opened.ReadSessionId;
        Root = ToRoot(opened.Root);
        Encryption = opened.Parameters is { Encrypted: true } parameters
            ? new EncryptionParameters { KeySetId = Guid.TryParse(parameters.KeySetId, out var keySet) ? keySet : Guid.Empty, KeyCheck = parameters.KeyCheck.ToByteArray() }
            : null;
    }

    /// <summary>The disk.</summary>
    public DiskRoot Root { get; }

    /// <summary>Null when the repository is not encrypted.</summary>
    public EncryptionParameters? Encryption { get; }

    /// <summary>Streams that may be open at once.</summary>
    public int StreamCount => _channels.Streams.Count;

    public TimeProvider Time => _time;

    /// <param name="channels">The Data Mover.</param>
    /// <param name="request">Repository, restore point and disk.</param>
    /// <param name="expected">The root as the catalog knows it; may be null.</param>
    /// <param name="timeout">Limit of each call.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="CliException">The disk cannot be read by this program, or is not the one the catalog means.</exception>
    public static async Task<MoverReadSession> OpenAsync(
        MoverChannels channels,
        OpenReadRequest request,
        Contracts.Mover.V1.DiskRoot? expected,
        TimeSpan timeout,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var client = new ReadSessionService.ReadSessionServiceClient(channels.Control);
        var opened = await client.OpenReadAsync(request, CallLimit.Of(timeout, cancellationToken));
        var session = new MoverReadSession(channels, client, request, opened, timeout, time);
        try
        {
            if (expected is { Digest.Length: > 0 } && ToRoot(expected) != session.Root)
            {
                throw CliException.Damaged(
                    $"Disk {request.DiskId} of restore point {request.PointId} has root {session.Root.Digest} at the Data Mover, but {ToRoot(expected).Digest} in the server's catalog: one of them is damaged.");
            }

            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Opens a stream on one of the connections.</summary>
    public FrameDownloadStream OpenStream(int index, CancellationToken cancellationToken) =>
        FrameDownloadStream.Open(_channels.Streams[index].CreateCallInvoker(), Volatile.Read(ref _id), cancellationToken);

    /// <summary>The id a stream is opened with; tells whether somebody else has renewed the session meanwhile.</summary>
    public string Id => Volatile.Read(ref _id);

    /// <summary>Opens the session again unless another stream did so already.</summary>
    /// <param name="lostId">The id under which the caller's stream failed.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task RenewAsync(string lostId, CancellationToken cancellationToken)
    {
        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (_id != lostId)
            {
                return;
            }

            var opened = await _client.OpenReadAsync(_request, CallLimit.Of(_timeout, cancellationToken));
            if (ToRoot(opened.Root) != Root)
            {
                throw CliException.Damaged($"The Data Mover answers another root for disk {_request.DiskId} of restore point {_request.PointId} than before: {opened.Root}.");
            }

            Volatile.Write(ref _id, opened.ReadSessionId);
        }
        finally
        {
            _opening.Release();
        }
    }

    /// <summary>True when the same read may succeed on a new stream.</summary>
    public static bool IsLoss(Exception failure) => failure switch
    {
        RpcException rpc => FailureStatus.ReasonOf(rpc) is "session-ended" or "busy" or "draining" || TransportFailure.IsConnectionLoss(rpc),
        // Nobody here gave up: a call ran out of time, or the other side ended it as cancelled while it stops.
        OperationCanceledException => true,
        _ => false,
    };

    /// <summary>Closes the session under a limit of its own; a Data Mover that is gone ends it by itself.</summary>
    public async ValueTask DisposeAsync()
    {
        _opening.Dispose();
        try
        {
            await _client.CloseReadAsync(new CloseReadRequest { ReadSessionId = _id }, CallLimit.Of(CloseLimit, CancellationToken.None));
        }
        catch (Exception failure) when (failure is RpcException or OperationCanceledException)
        {
            // Nothing depends on it: the idle limit ends the session at the other side.
        }
    }

    private static DiskRoot ToRoot(Contracts.Mover.V1.DiskRoot? root)
    {
        if (root is null || root.Digest.Length != ChunkDigest.Size)
        {
            throw CliException.Damaged("The Data Mover named no root for the disk.");
        }

        var converted = new DiskRoot(new ChunkDigest(root.Digest.Span), root.Levels, root.SizeBytes);
        converted.Validate();
        return converted;
    }
}
