// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Agent;

/// <summary>Waits between tries: 1 s, doubling up to 30 s, each shortened by up to a third at random so that workers do not come back in step.</summary>
/// <param name="time">The clock.</param>
/// <param name="longest">Instead of the 30 s.</param>
internal sealed class BackOff(TimeProvider time, TimeSpan? longest = null)
{
    private readonly TimeSpan _longest = longest ?? TimeSpan.FromSeconds(30);

    private TimeSpan _next = TimeSpan.FromSeconds(1);

    public Task WaitAsync(CancellationToken cancellationToken)
    {
        var wait = _next * (1 - (Random.Shared.NextDouble() / 3));
        _next = _next * 2 < _longest ? _next * 2 : _longest;
        return Task.Delay(wait, time, cancellationToken);
    }
}
