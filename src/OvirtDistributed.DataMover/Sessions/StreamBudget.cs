// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.DataMover.Configuration;
using OvirtDistributed.DataMover.Errors;
using OvirtDistributed.DataMover.Telemetry;
using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.DataMover.Sessions;

/// <summary>
/// Admits streams as long as the most they can buffer together fits the configured memory. Inside its share a stream is paced by flow
/// control: while the storage is slow nothing is read from the connection, and the sender stops when its window is full.
/// </summary>
internal sealed class StreamBudget(DataMoverOptions options, MoverInstruments instruments)
{
    /// <summary>HTTP/2 window of the stream (4 MiB), the store's frame buffer (about 1 MiB), a message and transport blocks.</summary>
    public const long WriterBytes = 6L << 20;

    /// <summary>Two batches of frames, one being sent and one being read, of 4 MiB each.</summary>
    public const long ReaderBytes = 8L << 20;

    private readonly long _limit = (long)options.Limits.BufferBudgetMiB << 20;
    private long _used;

    /// <summary>Takes a stream's share.</summary>
    /// <exception cref="OperatorException">The budget is used up.</exception>
    public Share Take(long bytes)
    {
        if (Interlocked.Add(ref _used, bytes) > _limit)
        {
            Interlocked.Add(ref _used, -bytes);
            instruments.Refused("buffers");
            throw new OperatorException(
                FailureKind.Exhausted,
                $"The Data Mover has no buffers left for another stream ({_limit >> 20} MiB are in use or promised): try again later, or raise DataMover:Limits:BufferBudgetMiB.")
            { Reason = FailureReasons.Busy };
        }

        return new Share(this, bytes);
    }

    internal readonly struct Share(StreamBudget budget, long bytes) : IDisposable
    {
        public void Dispose() => Interlocked.Add(ref budget._used, -bytes);
    }
}
