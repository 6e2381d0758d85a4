// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.Repository.Store;

/// <summary>Reads one restore point, which stays until the session ends. Safe for concurrent use.</summary>
public sealed partial class ReadSession : IFrameSource, IAsyncDisposable
{
    /// <summary>Names the session within this process.</summary>
    public Guid Id => throw new NotSupportedException("not landed yet");

    public PointInfo Point => throw new NotSupportedException("not landed yet");

    public VmManifest Manifest => throw new NotSupportedException("not landed yet");

    /// <summary>Ends when the session does: disposed, expired or the store closed.</summary>
    public CancellationToken Ended => throw new NotSupportedException("not landed yet");

    /// <summary>Fetches frames with few, large pack reads. Any kind.</summary>
    public Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>A metadata blob of the point, decoded and proven.</summary>
    public Task<byte[]> ReadBlobAsync(ManifestBlob blob, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    public ValueTask DisposeAsync() => throw new NotSupportedException("not landed yet");
}
