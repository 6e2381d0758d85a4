// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Agent;

/// <summary>Waits between tries: 1 s, doubling up to 30 s, each shortened by up to a third at random so that workers do not come back in step.</summary>
internal sealed class BackOff(TimeProvider time)
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    private TimeSpan _next = TimeSpan.FromSeconds(1);

    public Task WaitAsync(CancellationToken cancellationToken)
    {
        var wait = _next * (1 - (Random.Shared.NextDouble() / 3));
        _next = _next * 2 < Longest ? _next * 2 : Longest;
        return Task.Delay(wait, time, cancellationToken);
    }
}
