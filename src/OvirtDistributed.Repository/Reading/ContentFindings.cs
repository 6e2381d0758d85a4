// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Reading;

/// <summary>What an examination found.</summary>
public sealed class ContentFindings
{
    private readonly List<DiskRange> _ranges = [];

    /// <summary>Bytes of the disk that cannot be had, ascending; neighbours are one.</summary>
    public IReadOnlyList<DiskRange> Ranges => _ranges;

    /// <summary>Chunks whose frames are whole and whose content is another one.</summary>
    public List<ChunkDigest> BadContent { get; } = [];

    internal void Add(long offset, long length)
    {
        if (_ranges.Count > 0 && _ranges[^1].End == offset)
        {
            _ranges[^1] = new DiskRange(_ranges[^1].Offset, _ranges[^1].Length + length);
        }
        else
        {
            _ranges.Add(new DiskRange(offset, length));
        }
    }
}
