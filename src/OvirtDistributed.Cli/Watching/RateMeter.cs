// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Watching;

/// <summary>The rate of a growing amount over the last seconds: what an operator calls "now".</summary>
internal sealed class RateMeter(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(15);

    private readonly Queue<(long Timestamp, long Bytes)> _samples = new();

    public void Add(long bytes)
    {
        var now = time.GetTimestamp();
        // A new attempt starts over: older samples belong to another run.
        if (_samples.Count > 0 && bytes < _samples.Last().Bytes)
        {
            _samples.Clear();
        }

        _samples.Enqueue((now, bytes));
        while (_samples.Count > 2 && time.GetElapsedTime(_samples.Peek().Timestamp, now) > Window)
        {
            _samples.Dequeue();
        }
    }

    /// <summary>Null until two samples are far enough apart.</summary>
    public double? BytesPerSecond()
    {
        if (_samples.Count < 2)
        {
            return null;
        }

        var first = _samples.Peek();
        var last = _samples.Last();
        var seconds = time.GetElapsedTime(first.Timestamp, last.Timestamp).TotalSeconds;
        return seconds < 0.2 ? null : (last.Bytes - first.Bytes) / seconds;
    }
}
