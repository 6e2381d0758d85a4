// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.S3;

/// <summary>Reads an appended object across its parts. Looks for further parts when a read comes to the end of those it knows.</summary>
internal sealed class S3PartReader(S3Storage storage, string name, S3Parts parts) : IStorageReader
{
    // More than once only when parts are stored while a read is under way.
    private const int MostLooks = 8;

    private volatile S3Parts _parts = parts;
    private volatile S3Appender? _appender = storage.AppenderOf(name);

    /// <summary>Length now; what another process appends since is seen by reads only.</summary>
    public long Length => Math.Max(_parts.Length, Appender?.Length ?? 0);

    // Kept when it has been closed: what it stored counts on.
    private S3Appender? Appender => _appender ??= storage.AppenderOf(name);

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var total = 0;
        var looks = 0;
        while (total < buffer.Length)
        {
            // Before the list: a part moves from the appender to the storage, never back.
            var unstored = Appender?.CopyUnstored(offset + total, buffer.Span[total..]) ?? 0;
            if (unstored > 0)
            {
                total += unstored;
            }
            else if (offset + total < _parts.Length)
            {
                total += await ReadPartAsync(offset + total, buffer[total..], cancellationToken);
            }
            else if (looks > 0 && (offset + total >= Length || looks == MostLooks))
            {
                break;
            }
            else
            {
                looks++;
                _parts = await S3Parts.ReadAsync(storage.Bucket, storage.KeyOf(name), cancellationToken) ?? _parts;
            }
        }

        return total;
    }

    public IMappedObject? Map() => null;

    public void Dispose()
    {
    }

    private async Task<int> ReadPartAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var part = _parts.At(offset);
        var wanted = (int)Math.Min(buffer.Length, part.Offset + part.Length - offset);
        var range = await storage.Bucket.GetAsync(
            S3Names.PartOf(storage.KeyOf(name), part.Offset), offset - part.Offset, buffer[..wanted], null, cancellationToken);
        if (range is null || range.Read < wanted)
        {
            throw new RepositoryException(RepositoryError.Unavailable, $"read {name}: what was stored at byte {part.Offset} is gone; the object was removed meanwhile");
        }

        return wanted;
    }
}
