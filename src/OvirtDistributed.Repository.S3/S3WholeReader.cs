// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.S3;

/// <summary>Reads an object that was written at once. Its beginning came with opening it; most are no longer than that.</summary>
internal sealed class S3WholeReader : IStorageReader
{
    private const int FirstRead = 256 << 10;

    private readonly S3Storage _storage;
    private readonly string _name;
    private readonly string _etag;
    private readonly ReadOnlyMemory<byte> _beginning;

    private S3WholeReader(S3Storage storage, string name, string etag, long length, ReadOnlyMemory<byte> beginning)
    {
        _storage = storage;
        _name = name;
        _etag = etag;
        Length = length;
        _beginning = beginning;
    }

    public long Length { get; }

    /// <summary>Null when there is no such object.</summary>
    public static async Task<S3WholeReader?> OpenAsync(S3Storage storage, string name, CancellationToken cancellationToken)
    {
        var buffer = new byte[FirstRead];
        var key = storage.KeyOf(name);
        if (await storage.Bucket.GetAsync(key, 0, buffer, null, cancellationToken) is not { } range)
        {
            return null;
        }

        // An empty object has no range that could be read.
        return range.TotalLength < 0
            ? new S3WholeReader(storage, name, "", 0, ReadOnlyMemory<byte>.Empty)
            : new S3WholeReader(storage, name, range.ETag, range.TotalLength, buffer.AsSpan(0, range.Read).ToArray());
    }

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var wanted = (int)Math.Clamp(Length - offset, 0, buffer.Length);
        buffer = buffer[..wanted];
        var known = (int)Math.Clamp(_beginning.Length - offset, 0, wanted);
        if (known > 0)
        {
            _beginning.Slice((int)offset, known).CopyTo(buffer);
        }

        if (known < wanted)
        {
            // The same version as its beginning, or nothing: never a mixture of two.
            var range = await _storage.Bucket.GetAsync(_storage.KeyOf(_name), offset + known, buffer[known..], _etag, cancellationToken);
            if (range is null || range.Read < wanted - known)
            {
                throw new RepositoryException(RepositoryError.Unavailable, $"read {_name}: the object was removed meanwhile");
            }
        }

        return wanted;
    }

    public IMappedObject? Map() => null;

    public void Dispose()
    {
    }
}
