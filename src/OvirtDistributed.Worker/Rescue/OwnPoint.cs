// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Worker.Mover;

namespace OvirtDistributed.Worker.Rescue;

/// <summary>The point's own repository as a rescue sees it: a frame that failed is asked for once more, alone, and replaced by a whole one. One call at a time.</summary>
internal sealed class OwnPoint : IAsyncDisposable
{
    private readonly Func<CancellationToken, Task<ReadSession>> _open;
    private readonly ContentKeys _keys;
    private readonly bool _mayReopen;
    private ReadSession? _again;

    /// <param name="opened">What the first session was answered; null when there was none.</param>
    /// <param name="keys">Of the repository.</param>
    /// <param name="open">Opens a session like the first.</param>
    /// <param name="lost">Why there was none; null when there was.</param>
    /// <param name="mayReopen">Whether there is another place to turn to: else what fails is for the next attempt, as ever.</param>
    public OwnPoint(OpenReadResponse? opened, ContentKeys keys, Func<CancellationToken, Task<ReadSession>> open, string? lost, bool mayReopen)
    {
        Opened = opened;
        _keys = keys;
        _open = open;
        Lost = lost;
        _mayReopen = mayReopen;
    }

    public OpenReadResponse? Opened { get; }

    /// <summary>Why it is not asked any more; null while it is.</summary>
    public string? Lost { get; private set; }

    public ContentKeys Keys => _keys;

    /// <summary>Frames over a stream of their own.</summary>
    /// <exception cref="RepositoryException">They cannot be had.</exception>
    public async Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        try
        {
            return await (await SessionAsync(cancellationToken)).FetchAloneAsync(digests, cancellationToken);
        }
        catch (RepositoryException failure) when (_mayReopen && Lost is null && MoverFailures.Told(failure).Code == FailureCode.MoverUnavailable)
        {
            // A session that ended, a Data Mover that was restarted: the second try is over a new session. When that cannot be opened it is gone.
            await DropAsync();
            return await (await SessionAsync(cancellationToken)).FetchAloneAsync(digests, cancellationToken);
        }
    }

    /// <summary>How long a lost chunk was; 0 when nobody knows any more.</summary>
    public async Task<int> DescribeAsync(ChunkDigest digest, CancellationToken cancellationToken)
    {
        try
        {
            return await (await SessionAsync(cancellationToken)).DescribeAsync(digest, cancellationToken);
        }
        catch (Exception failure) when (failure is RpcException or RepositoryException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return 0; // also the answer of a Data Mover of an older version
        }
    }

    /// <summary>Where the disk uses a chunk, near the place where it was found missing; null when the map there cannot be read.</summary>
    public async Task<IReadOnlyList<ChunkPlace>?> FindPlacesAsync(ChunkDigest digest, DiskRange near, CancellationToken cancellationToken)
    {
        try
        {
            var session = await SessionAsync(cancellationToken);
            var root = session.Opened.Root;
            var reader = new DiskImageReader(
                new OvirtDistributed.Repository.Maps.DiskRoot(new ChunkDigest(root.Digest.Span), root.Levels, root.SizeBytes), session, _keys, new DiskImageReaderOptions());
            return await reader.FindPlacesAsync(digest, near, cancellationToken);
        }
        catch (RepositoryException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return null;
        }
    }

    /// <summary>Encodes a chunk as this repository stores it, and has it stored.</summary>
    /// <returns>Null when the repository holds it whole now; else why not.</returns>
    public async Task<string?> RepairAsync(ChunkDigest digest, byte[] plain, bool contentIsWrong, CancellationToken cancellationToken)
    {
        using var encoder = new FrameEncoder(ProfileOf(Opened!.Parameters.Compression), _keys);
        var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
        var length = encoder.Encode(FrameKind.Chunk, digest, plain, frame);
        return await RepairAsync(frame.AsMemory(0, length), contentIsWrong, cancellationToken);
    }

    /// <summary>Has a frame stored in place of the damaged one.</summary>
    /// <returns>Null when the repository holds it whole now; else why not.</returns>
    public async Task<string?> RepairAsync(ReadOnlyMemory<byte> frame, bool contentIsWrong, CancellationToken cancellationToken)
    {
        try
        {
            var stored = await (await SessionAsync(cancellationToken)).RepairAsync(frame, contentIsWrong, cancellationToken);
            return stored || !contentIsWrong ? null : "the repository keeps its own frame: it cannot prove the content, and does not take a reader's word for maps or while points are locked";
        }
        catch (Exception failure) when (failure is RpcException or RepositoryException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return MoverFailures.Told(failure).Message;
        }
    }

    public async ValueTask DisposeAsync() => await DropAsync();

    private async Task<ReadSession> SessionAsync(CancellationToken cancellationToken)
    {
        if (Lost is { } why)
        {
            throw new RepositoryException(RepositoryError.Unavailable, why);
        }

        try
        {
            return _again ??= await _open(cancellationToken);
        }
        catch (RpcException failure)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Lost = _mayReopen ? MoverFailures.Classify(failure).Message : null;
            throw new RepositoryException(RepositoryError.Unavailable, failure.Status.Detail, failure);
        }
    }

    private async Task DropAsync()
    {
        if (_again is { } session)
        {
            _again = null;
            await session.DisposeAsync();
        }
    }

    private static Repository.Frames.CompressionProfile ProfileOf(Contracts.Mover.V1.CompressionProfile profile) => profile switch
    {
        Contracts.Mover.V1.CompressionProfile.Fast => Repository.Frames.CompressionProfile.Fast,
        Contracts.Mover.V1.CompressionProfile.Dense => Repository.Frames.CompressionProfile.Dense,
        Contracts.Mover.V1.CompressionProfile.Stored => Repository.Frames.CompressionProfile.Stored,
        _ => Repository.Frames.CompressionProfile.Default,
    };
}
