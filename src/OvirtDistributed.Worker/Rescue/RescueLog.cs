// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Worker.Rescue;

/// <summary>Counts what came from copies and what is still damaged, for the report of a task. Thread-safe.</summary>
internal sealed class RescueLog
{
    // Damage beyond this is told as a sum: a message has to end somewhere.
    private const int MostRanges = 256;

    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, RescueSource> _sources = new(StringComparer.Ordinal);
    private readonly List<DiskRange> _unrepaired = [];
    private string _reason = "";
    private string _unreachable = "";

    public void Took(string repository, int objects, long bytes, int repaired = 0, long onItsWord = 0)
    {
        lock (_gate)
        {
            if (!_sources.TryGetValue(repository, out var source))
            {
                source = new RescueSource { RepositoryName = repository };
                _sources.Add(repository, source);
            }

            source.Objects += objects;
            source.Bytes += bytes;
            source.RepairedObjects += repaired;
            source.BytesOnItsWord += onItsWord;
        }
    }

    /// <summary>Bytes that nothing but this copy vouches for.</summary>
    public long OnWordOf(string repository)
    {
        lock (_gate)
        {
            return _sources.TryGetValue(repository, out var source) ? source.BytesOnItsWord : 0;
        }
    }

    /// <summary>A range stays damaged in the point's own repository.</summary>
    public void NotRepaired(DiskRange range, string reason)
    {
        lock (_gate)
        {
            _unrepaired.Add(range);
            _reason = _reason.Length == 0 ? reason : _reason;
        }
    }

    public void Unreachable(string why)
    {
        lock (_gate)
        {
            _unreachable = _unreachable.Length == 0 ? why : _unreachable;
        }
    }

    /// <summary>What is still damaged, ascending, neighbours joined.</summary>
    public List<DiskRange> UnrepairedRanges()
    {
        lock (_gate)
        {
            return Join(_unrepaired);
        }
    }

    /// <summary>Null when nothing was needed.</summary>
    public RescueReport? ToReport()
    {
        var ranges = UnrepairedRanges();
        lock (_gate)
        {
            if (_sources.Count == 0 && ranges.Count == 0 && _unreachable.Length == 0)
            {
                return null;
            }

            var report = new RescueReport { UnrepairedReason = _reason, Unreachable = _unreachable };
            report.Sources.AddRange(_sources.Values.Select(source => source.Clone()));
            report.UnrepairedRanges.AddRange(ranges.Take(MostRanges).Select(range => new ByteRange { OffsetBytes = range.Offset, LengthBytes = range.Length }));
            return report;
        }
    }

    /// <summary>Ascending, without overlaps, neighbours joined.</summary>
    public static List<DiskRange> Join(IEnumerable<DiskRange> ranges)
    {
        var joined = new List<DiskRange>();
        foreach (var range in ranges.OrderBy(range => range.Offset))
        {
            if (joined.Count > 0 && range.Offset <= joined[^1].End)
            {
                joined[^1] = joined[^1] with { Length = Math.Max(joined[^1].End, range.End) - joined[^1].Offset };
            }
            else
            {
                joined.Add(range);
            }
        }

        return joined;
    }
}
