// SPDX-License-Identifier: Apache-2.0
using Amazon.S3.Model;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.S3;

/// <summary>Writes a large object by an upload in pieces, a small one at once. Invisible until the commit.</summary>
internal sealed class S3Writer(S3Storage storage, string name) : IStorageWriter
{
    // 10,000 pieces, the most there may be, make 156 GiB.
    private const int PieceBytes = 16 << 20;

    private readonly string _token = S3Bucket.NewToken();
    private readonly MemoryStream _piece = new();
    private readonly List<PartETag> _pieces = [];
    private string? _uploadId;
    private bool _committed;

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        while (content.Length > 0)
        {
            var count = Math.Min(content.Length, PieceBytes - (int)_piece.Length);
            _piece.Write(content.Span[..count]);
            content = content[count..];
            if (_piece.Length == PieceBytes)
            {
                await UploadAsync(cancellationToken);
            }
        }
    }

    public async Task CommitAsync(CancellationToken cancellationToken)
    {
        if (_uploadId is null)
        {
            await storage.PutAsync(name, Collected(), StoragePutMode.Replace, cancellationToken);
        }
        else
        {
            if (_piece.Length > 0)
            {
                await UploadAsync(cancellationToken);
            }

            await storage.CommitUploadAsync(name, _uploadId, _token, _pieces, cancellationToken);
        }

        _committed = true;
    }

    public async ValueTask DisposeAsync()
    {
        if (_uploadId is not null && !_committed)
        {
            using var limit = new CancellationTokenSource(S3Connection.AnswerTimeout);
            try
            {
                await storage.Bucket.AbortUploadAsync(storage.KeyOf(name), _uploadId, limit.Token);
            }
            catch (Exception exception) when (exception is RepositoryException or OperationCanceledException)
            {
                // Invisible, and given up by the next process that takes the lock.
            }
        }

        await _piece.DisposeAsync();
    }

    private ReadOnlyMemory<byte> Collected() => _piece.GetBuffer().AsMemory(0, (int)_piece.Length);

    private async Task UploadAsync(CancellationToken cancellationToken)
    {
        _uploadId ??= await storage.BeginUploadAsync(name, _token, cancellationToken);
        _pieces.Add(await storage.UploadPieceAsync(name, _uploadId, _pieces.Count + 1, Collected(), cancellationToken));
        _piece.SetLength(0);
    }
}
