// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Store.Sessions;

/// <summary>Proves a frame that arrives, before anything else sees it (invariant 12). One thread at a time.</summary>
internal sealed class FrameCheck : IDisposable
{
    private readonly ContentKeys _keys;
    private readonly FrameDecoder _decoder;
    private readonly bool _verifyChunks;
    private readonly int _maxChunk;
    private readonly List<MapEntry> _entries = [];

    public FrameCheck(ContentKeys keys, bool verifyChunks, int maxChunk)
    {
        _keys = keys;
        _decoder = new FrameDecoder(keys);
        _verifyChunks = verifyChunks;
        _maxChunk = maxChunk;
    }

    /// <exception cref="RepositoryException">A checksum, digest, length or structure does not hold.</exception>
    public void Check(ReadOnlySpan<byte> frame, in FrameHeader header)
    {
        FrameDecoder.CheckIntegrity(frame);
        if (header.Kind == FrameKind.WrappedKey)
        {
            throw RepositoryException.Invalid($"frame {header.Digest}: frames of kind {header.Kind} are not taken from a session");
        }

        if (header.Kind == FrameKind.Chunk && header.PlainLength > _maxChunk)
        {
            throw RepositoryException.Invalid($"frame {header.Digest}: a chunk of {header.PlainLength} bytes, the repository cuts at {_maxChunk}");
        }

        if (header.Digest.IsZero)
        {
            throw RepositoryException.Invalid("frame: its digest is the reserved one");
        }

        var readable = !header.Flags.HasFlag(FrameFlags.Encrypted);
        var isMap = header.Kind is FrameKind.MapPage or FrameKind.MapNode;
        if (readable != (isMap || !_keys.IsEncrypted))
        {
            throw RepositoryException.Invalid(
                $"frame {header.Digest}: a {header.Kind} that is {(readable ? "not encrypted" : "encrypted")}, in a repository that is {(_keys.IsEncrypted ? "" : "not ")}encrypted; map pages and nodes never are");
        }

        if (readable && (_verifyChunks || header.Kind != FrameKind.Chunk))
        {
            CheckContent(frame, header);
        }
    }

    public void Dispose() => _decoder.Dispose();

    private void CheckContent(ReadOnlySpan<byte> frame, in FrameHeader header)
    {
        var plain = ArrayPool<byte>.Shared.Rent(header.PlainLength);
        try
        {
            var length = _decoder.Decode(frame, header.Digest, header.Kind, plain);
            if (header.Kind == FrameKind.MapPage)
            {
                MapPage.Parse(plain.AsSpan(0, length), _entries);
            }
            else if (header.Kind == FrameKind.MapNode)
            {
                MapNode.Check(plain.AsSpan(0, length));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }
}
