// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>One running use of a ticket, with its progress.</summary>
internal sealed class TicketOperation(long offsetBytes)
{
    private long _movedBytes;

    public long OffsetBytes { get; } = offsetBytes;

    public long MovedBytes => Interlocked.Read(ref _movedBytes);

    public void Advance(long bytes) => Interlocked.Add(ref _movedBytes, bytes);
}
