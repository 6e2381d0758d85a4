// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Repository.Store.Sessions;

namespace OvirtDistributed.Repository.Store;

/// <summary>Reads one restore point, which stays until the session ends. Safe for concurrent use.</summary>
public sealed class ReadSession : IFrameSource, IAsyncDisposable
{
    private readonly SessionContext _context;
    private readonly Action<ReadSession> _onEnd;
    private readonly SessionLife _life;
    private int _reports;

    internal ReadSession(SessionContext context, PointInfo point, VmManifest manifest, Action<ReadSession> onEnd)
    {
        _context = context;
        _onEnd = onEnd;
        Point = point;
        Manifest = manifest;
        _life = new SessionLife(context.TimeProvider, $"read session of point {point.PointId}");
    }

    /// <summary>Names the session within this process.</summary>
    public Guid Id { get; } = Guid.NewGuid();

    public PointInfo Point { get; }

    public VmManifest Manifest { get; }

    /// <summary>Ends when the session does: disposed, expired or the store closed.</summary>
    public CancellationToken Ended => _life.Ended;

    internal TimeSpan Idle => _life.Idle;

    /// <summary>Fetches frames with few, large pack reads. Any kind.</summary>
    public Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        _life.Use();
        return _context.Reader.FetchAsync(digests, cancellationToken);
    }

    /// <summary>A metadata blob of the point, decoded and proven.</summary>
    public async Task<byte[]> ReadBlobAsync(ManifestBlob blob, CancellationToken cancellationToken)
    {
        using var batch = await FetchAsync(new[] { blob.Digest }, cancellationToken);
        return MetadataFrame.Read(blob, batch[0].Span, _context.Packs.Keys);
    }

    public async ValueTask DisposeAsync() => await EndAsync(RepositoryError.SessionEnded, "it was closed");

    /// <exception cref="RepositoryException">The session has made too many reports.</exception>
    internal void CountReports(int count, int most)
    {
        _life.Use();
        if (Interlocked.Add(ref _reports, count) > most)
        {
            throw RepositoryException.Invalid($"reports of bad content: more than {most} by one reader");
        }
    }

    internal async Task EndAsync(RepositoryError error, string why)
    {
        if (_life.TryEnd(error, why))
        {
            _onEnd(this);
            await _life.SignalAsync();
        }
    }
}
