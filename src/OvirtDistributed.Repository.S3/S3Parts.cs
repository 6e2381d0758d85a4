// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.S3;

/// <summary>The parts of an appended object, as far as they follow one another without a gap.</summary>
internal sealed class S3Parts
{
    private readonly List<(long Offset, long Length)> _parts = [];

    public long Length { get; private set; }

    public int Count => _parts.Count;

    /// <summary>Takes the next part of a list that is in order; one behind a gap does not count.</summary>
    public void Add(long offset, long length)
    {
        if (offset == Length && length > 0)
        {
            _parts.Add((offset, length));
            Length += length;
        }
    }

    /// <summary>The part in which a byte is. The offset is below the length.</summary>
    public (long Offset, long Length) At(long offset)
    {
        var (low, high) = (0, _parts.Count - 1);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            (low, high) = _parts[middle].Offset <= offset ? (middle, high) : (low, middle - 1);
        }

        return _parts[low];
    }

    /// <summary>Keys of all parts.</summary>
    public IEnumerable<string> Keys(string key) => _parts.Select(part => S3Names.PartOf(key, part.Offset));

    /// <summary>Lists an object's parts; null when it has no head, and so is none.</summary>
    public static async Task<S3Parts?> ReadAsync(S3Bucket bucket, string key, CancellationToken cancellationToken)
    {
        S3Parts? parts = null;
        await foreach (var item in bucket.ListAsync(S3Names.HeadOf(key), cancellationToken))
        {
            var (_, kind, offset) = S3Names.Parse(item.Key);
            if (kind == S3KeyKind.Head)
            {
                parts = new S3Parts();
            }
            else if (kind == S3KeyKind.Part)
            {
                parts?.Add(offset, item.Length);
            }
        }

        return parts;
    }
}
