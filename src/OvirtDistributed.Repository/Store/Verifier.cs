// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Packs;
using OvirtDistributed.Repository.Store.Sessions;

namespace OvirtDistributed.Repository.Store;

/// <summary>Proves stored content and collects what does not hold. One verification, one thread.</summary>
internal sealed class Verifier
{
    private readonly RecoveredState _state;
    private readonly SessionContext _context;
    private readonly IStorageBackend _storage;
    private readonly IProgress<long>? _progress;
    private readonly HashSet<(uint Pack, uint Offset)> _places = [];
    private readonly HashSet<ChunkDigest> _unplaced = [];

    // Map pages and nodes that were found whole; points share most of theirs.
    private readonly HashSet<(int Level, ChunkDigest Digest)> _known = [];

    // Off while frames are read a second time: the maps of points after all packs.
    private bool _countsFrames = true;
    private long _frames;
    private long _plainBytes;

    public Verifier(RecoveredState state, SessionContext context, IStorageBackend storage, IProgress<long>? progress)
    {
        _state = state;
        _context = context;
        _storage = storage;
        _progress = progress;
    }

    /// <summary>For the quarantine.</summary>
    public List<QuarantineItem> Found { get; } = [];

    public List<FrameDamage> Damages { get; } = [];

    public VerifyReport Report(long points) => new() { Points = points, Frames = _frames, PlainBytes = _plainBytes, Damages = Damages };

    /// <summary>Every frame of every pack.</summary>
    public async Task VerifyPacksAsync(CancellationToken cancellationToken)
    {
        using var decoder = new FrameDecoder(_context.Packs.Keys);
        foreach (var number in _state.Packs.Numbers())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_state.Packs.IsDoomed(number))
            {
                continue; // nobody reads it any more
            }

            using var reader = await _storage.OpenReadAsync(PackFormat.NameOf(number), cancellationToken);
            if (reader is null)
            {
                // Its frames are reported by the points that need them.
                _state.Packs.Remove(number);
                continue;
            }

            var frames = await PackScanner.TryReadFooterAsync(reader, number, cancellationToken)
                ?? (await PackScanner.ScanAsync(reader, PackFormat.NameOf(number), _context.Packs.Keys, cancellationToken)).Frames;
            foreach (var frame in frames)
            {
                if (!_state.Packs.IsLive(number) || _state.Packs.IsDoomed(number))
                {
                    break; // garbage collection found it dispensable meanwhile
                }

                var entry = new IndexEntry(frame.Digest, number, frame.Offset, frame.StoredLength, frame.PlainLength, frame.Kind);
                await VerifyPlaceAsync(entry, frame.Digest, frame.Kind, pointName: null, decoder, take: null, cancellationToken);
            }
        }
    }

    /// <summary>The maps of a point, and where asked its chunks.</summary>
    public async Task VerifyPointAsync(PointInfo point, VmManifest manifest, bool readChunks, CancellationToken cancellationToken)
    {
        using var decoder = new FrameDecoder(_context.Packs.Keys);
        _countsFrames = readChunks;
        foreach (var blob in manifest.Blobs)
        {
            await VerifyDigestAsync(blob.Digest, FrameKind.Metadata, point.Path, decoder, take: null, cancellationToken);
        }

        foreach (var disk in manifest.Disks)
        {
            var walk = new DiskWalk(point.Path, disk.Root.DiskSize, readChunks, decoder);
            await VerifyNodeAsync(walk, disk.Root.Levels, 0, disk.Root.Digest, cancellationToken);
        }
    }

    /// <summary>Notes something that is in no pack.</summary>
    public void AddUnplaced(in ChunkDigest digest, FrameKind kind, string name, string reason)
    {
        if (digest.IsZero || _unplaced.Add(digest))
        {
            Damages.Add(new FrameDamage(digest, kind, name, -1, reason));
            Found.Add(new QuarantineItem { Digest = digest, Kind = kind, Pack = 0, Offset = 0, Reason = $"{name}: {reason}" });
        }
    }

    private async Task VerifyNodeAsync(DiskWalk walk, int level, long index, ChunkDigest digest, CancellationToken cancellationToken)
    {
        if (digest.IsZero || _known.Contains((level, digest)))
        {
            return;
        }

        if (level == 0)
        {
            await VerifyPageAsync(walk, digest, cancellationToken);
            return;
        }

        var children = new ChunkDigest[MapGeometry.ChildCount(level, index, walk.DiskSize)];
        var whole = await VerifyDigestAsync(
            digest, FrameKind.MapNode, walk.PointName, walk.Decoder, plain => MapNode.Parse(plain.Span, level, children), cancellationToken);
        for (var i = 0; whole && i < children.Length; i++)
        {
            await VerifyNodeAsync(walk, level - 1, (index * MapGeometry.FanOut) + i, children[i], cancellationToken);
        }

        _known.Add((level, digest));
    }

    private async Task VerifyPageAsync(DiskWalk walk, ChunkDigest digest, CancellationToken cancellationToken)
    {
        _known.Add((0, digest));
        var entries = new List<MapEntry>();
        if (!await VerifyDigestAsync(digest, FrameKind.MapPage, walk.PointName, walk.Decoder, plain => MapPage.Parse(plain.Span, entries), cancellationToken))
        {
            return;
        }

        var chunks = new HashSet<ChunkDigest>();
        foreach (var entry in entries)
        {
            if (!entry.IsZero)
            {
                chunks.Add(entry.Digest);
            }
        }

        foreach (var chunk in chunks)
        {
            if (walk.ReadChunks)
            {
                await VerifyDigestAsync(chunk, FrameKind.Chunk, walk.PointName, walk.Decoder, take: null, cancellationToken);
            }
            else if (!_state.Index.TryFind(chunk, out _))
            {
                AddUnplaced(chunk, FrameKind.Chunk, walk.PointName, "it is in no pack, or only where it was found damaged before");
            }
        }
    }

    private async Task<bool> VerifyDigestAsync(
        ChunkDigest digest, FrameKind kind, string pointName, FrameDecoder decoder, Action<ReadOnlyMemory<byte>>? take, CancellationToken cancellationToken)
    {
        if (!_state.Index.TryFind(digest, out var entry))
        {
            AddUnplaced(digest, kind, pointName, "it is in no pack, or only where it was found damaged before");
            return false;
        }

        return await VerifyPlaceAsync(entry, digest, kind, pointName, decoder, take, cancellationToken);
    }

    private async Task<bool> VerifyPlaceAsync(
        IndexEntry entry, ChunkDigest digest, FrameKind kind, string? pointName, FrameDecoder decoder, Action<ReadOnlyMemory<byte>>? take, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_places.Contains((entry.Pack, entry.Offset)))
        {
            return false;
        }

        var plain = ArrayPool<byte>.Shared.Rent(FrameHeader.MaxPlainLength);
        try
        {
            var frame = await _context.Reader.ReadAtAsync(entry, cancellationToken) ?? throw RepositoryException.Damaged("the pack ends before it does");
            _plainBytes += Prove(frame, digest, kind, decoder, plain, take) * (_countsFrames ? 1 : 0);
            _frames += _countsFrames ? 1 : 0;
            _progress?.Report(_plainBytes);
            return true;
        }
        catch (RepositoryException) when (!_state.Packs.IsLive(entry.Pack) || _state.Packs.IsDoomed(entry.Pack))
        {
            // Garbage collection moved the frame between the look-up and the read, or nobody needs it.
            return pointName is null || await VerifyDigestAsync(digest, kind, pointName, decoder, take, cancellationToken);
        }
        catch (RepositoryException exception) when (exception.Error is RepositoryError.Damaged or RepositoryError.InvalidArgument)
        {
            _places.Add((entry.Pack, entry.Offset));
            Found.Add(new QuarantineItem { Digest = digest, Kind = kind, Pack = entry.Pack, Offset = entry.Offset, Reason = exception.Message });
            Damages.Add(new FrameDamage(digest, kind, PackFormat.NameOf(entry.Pack), entry.Offset, exception.Message));
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }

    /// <summary>Content bytes of the frame. Of an encrypted one the checksums and the header are all that can be proven without the key.</summary>
    private static int Prove(
        ReadOnlySpan<byte> frame, in ChunkDigest digest, FrameKind kind, FrameDecoder decoder, byte[] plain, Action<ReadOnlyMemory<byte>>? take)
    {
        var header = FrameDecoder.CheckIntegrity(frame);
        if (!header.Flags.HasFlag(FrameFlags.Encrypted))
        {
            var length = decoder.Decode(frame, digest, kind, plain);
            take?.Invoke(plain.AsMemory(0, length));
            return length;
        }

        return header.Digest == digest && header.Kind == kind && decoder.Keys.IsEncrypted
            ? header.PlainLength
            : throw RepositoryException.Damaged($"frame: {kind} {digest} was asked for, an encrypted {header.Kind} {header.Digest} came");
    }

    private sealed record DiskWalk(string PointName, long DiskSize, bool ReadChunks, FrameDecoder Decoder);
}
