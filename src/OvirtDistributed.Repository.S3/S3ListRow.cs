// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.S3;

/// <summary>The keys of one object while a list is read.</summary>
internal sealed class S3ListRow
{
    private S3Parts _parts = new();
    private long _whole;

    public string? Key { get; private set; }

    public bool Exists { get; private set; }

    public bool HasParts { get; private set; }

    public long Length => Math.Max(_whole, _parts.Length);

    public void Take(string key, S3KeyKind kind, long offset, long length)
    {
        Key = key;
        switch (kind)
        {
            case S3KeyKind.Part:
                HasParts = true;
                _parts.Add(offset, length);
                break;
            case S3KeyKind.Head:
                Exists = true;
                break;
            case S3KeyKind.Whole:
                Exists = true;
                _whole = length;
                break;
        }
    }

    public void Clear()
    {
        Key = null;
        Exists = HasParts = false;
        _parts = new S3Parts();
        _whole = 0;
    }
}
