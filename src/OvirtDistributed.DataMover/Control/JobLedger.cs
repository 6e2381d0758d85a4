// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.DataMover.Control;

/// <summary>Bytes that sessions of recent jobs stored, for the answer to their commit. A figure only: nothing depends on it.</summary>
internal sealed class JobLedger
{
    private const int RememberedJobs = 4096;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Repository, string JobId), long> _stored = [];
    private readonly Queue<(string Repository, string JobId)> _order = new();

    public void AddStored(string repository, string jobId, long bytes)
    {
        var key = (repository, jobId);
        lock (_lock)
        {
            if (!_stored.TryAdd(key, bytes))
            {
                _stored[key] += bytes;
                return;
            }

            _order.Enqueue(key);
            while (_order.Count > RememberedJobs)
            {
                _stored.Remove(_order.Dequeue());
            }
        }
    }

    public long StoredBytes(string repository, string jobId)
    {
        lock (_lock)
        {
            return _stored.GetValueOrDefault((repository, jobId));
        }
    }

    public void Forget(string repository, string jobId)
    {
        lock (_lock)
        {
            _stored.Remove((repository, jobId));
        }
    }
}
