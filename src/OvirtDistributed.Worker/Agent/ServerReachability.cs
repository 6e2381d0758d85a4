// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;

namespace OvirtDistributed.Worker.Agent;

/// <summary>Whether the last call to the server was answered, and a bell for everything that may change what the intake does.</summary>
internal sealed class ServerReachability
{
    private readonly Channel<bool> _bell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private int _reachable;

    public bool IsReachable => Volatile.Read(ref _reachable) == 1;

    public void Answered()
    {
        if (Interlocked.Exchange(ref _reachable, 1) == 0)
        {
            Ring();
        }
    }

    public void Lost()
    {
        if (Interlocked.Exchange(ref _reachable, 0) == 1)
        {
            Ring();
        }
    }

    /// <summary>Wakes the intake. Rings that nobody heard yet count as one.</summary>
    public void Ring() => _bell.Writer.TryWrite(true);

    public async Task WaitAsync(CancellationToken cancellationToken) => await _bell.Reader.ReadAsync(cancellationToken);
}
