// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Points;

namespace OvirtDistributed.Repository.Store;

/// <summary>The committed points, by their names; which of them open sessions need. Safe for concurrent use.</summary>
internal sealed class PointCatalog
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, PointInfo> _byId = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PointInfo> _byJob = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PointInfo> _removing = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PointInfo> _doubtful = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, PointInfo> _duplicates = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _pins = new(StringComparer.Ordinal);

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _byId.Count;
            }
        }
    }

    /// <summary>Adds a point. Where another has its id already, that one is the point, and this one is listed as a problem and followed all the same.</summary>
    /// <returns>The point that has the id.</returns>
    public PointInfo Add(PointInfo point)
    {
        lock (_gate)
        {
            _doubtful.Remove(point.Path);
            if (_byId.TryGetValue(point.PointId, out var other) && other.Path != point.Path)
            {
                _duplicates[point.Path] = point;
                return other;
            }

            _removing.Remove(point.PointId);
            _byId[point.PointId] = point;
            _byJob.TryAdd(point.JobId, point);
            return point;
        }
    }

    /// <summary>Points whose ids others have.</summary>
    public List<PointInfo> Duplicates()
    {
        lock (_gate)
        {
            return [.. _duplicates.Values];
        }
    }

    public PointInfo? Find(string pointId)
    {
        lock (_gate)
        {
            return _byId.GetValueOrDefault(pointId);
        }
    }

    /// <summary>
    /// Takes a point out of the catalog, so that nobody can pin it any more. Garbage collection still sees it until <see cref="Forget(string)"/>: its
    /// manifest is there as long as its deletion has not returned.
    /// </summary>
    /// <param name="pointId">The point.</param>
    /// <param name="removed">The point; null when there was none.</param>
    /// <returns>False, and no change, while it is pinned.</returns>
    public bool TryRemove(string pointId, out PointInfo? removed)
    {
        lock (_gate)
        {
            removed = _byId.GetValueOrDefault(pointId);
            if (removed is null)
            {
                return true;
            }

            if (_pins.ContainsKey(pointId))
            {
                return false;
            }

            _byId.Remove(pointId);
            if (_byJob.GetValueOrDefault(removed.JobId)?.PointId == pointId)
            {
                _byJob.Remove(removed.JobId);
            }

            _removing[pointId] = removed;
            return true;
        }
    }

    /// <summary>As <see cref="TryRemove(string, out PointInfo?)"/>, also of a point whose id another one has.</summary>
    public bool TryRemove(PointInfo point)
    {
        lock (_gate)
        {
            return _byId.GetValueOrDefault(point.PointId)?.Path != point.Path || TryRemove(point.PointId, out _);
        }
    }

    /// <summary>The manifest of this very point is deleted.</summary>
    public void Forget(PointInfo point)
    {
        lock (_gate)
        {
            _doubtful.Remove(point.Path);
            if (!_duplicates.Remove(point.Path))
            {
                Forget(point.PointId);
            }
        }
    }

    /// <summary>The manifest of a removed point is deleted. One that had the same id takes its place.</summary>
    public void Forget(string pointId)
    {
        lock (_gate)
        {
            _removing.Remove(pointId);
            if (_duplicates.Values.FirstOrDefault(point => point.PointId == pointId) is { } next)
            {
                _duplicates.Remove(next.Path);
                Add(next);
            }
        }
    }

    /// <summary>
    /// Notes a point that was refused because its manifest could not be written: whether it is there is not known, and the next opening may
    /// list it. Until then garbage collection looks for it.
    /// </summary>
    public void Doubt(PointInfo point)
    {
        lock (_gate)
        {
            _doubtful[point.Path] = point;
        }
    }

    /// <summary>The points whose manifests may exist: those of the catalog, those being removed, and those in doubt.</summary>
    public List<PointInfo> ListAll()
    {
        lock (_gate)
        {
            List<PointInfo> points = [.. _byId.Values, .. _removing.Values, .. _doubtful.Values, .. _duplicates.Values];
            points.Sort(static (a, b) => a.Created != b.Created ? a.Created.CompareTo(b.Created) : string.CompareOrdinal(a.PointId, b.PointId));
            return points;
        }
    }

    public PointInfo? FindOfJob(string jobId)
    {
        lock (_gate)
        {
            return _byJob.GetValueOrDefault(jobId);
        }
    }

    public List<PointInfo> List(string? managerId, string? vmId)
    {
        lock (_gate)
        {
            var points = new List<PointInfo>();
            foreach (var point in _byId.Values)
            {
                if ((managerId is null || point.ManagerId == managerId) && (vmId is null || point.VmId == vmId))
                {
                    points.Add(point);
                }
            }

            points.Sort(static (a, b) => a.Created != b.Created ? a.Created.CompareTo(b.Created) : string.CompareOrdinal(a.PointId, b.PointId));
            return points;
        }
    }

    /// <summary>Keeps a point from being removed; null when there is none. Ended by <see cref="Unpin"/>.</summary>
    public PointInfo? Pin(string pointId)
    {
        lock (_gate)
        {
            var point = _byId.GetValueOrDefault(pointId);
            if (point is not null)
            {
                _pins[pointId] = _pins.GetValueOrDefault(pointId) + 1;
            }

            return point;
        }
    }

    public void Unpin(string pointId)
    {
        lock (_gate)
        {
            if (--_pins[pointId] == 0)
            {
                _pins.Remove(pointId);
            }
        }
    }
}
