// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>Looks at a state again and again until it is the wanted one.</summary>
/// <remarks>What takes long is looked at less often: a pause is a fiftieth of the time waited so far, from one to ten poll intervals.</remarks>
internal sealed class EnginePoll(EngineTimeouts timeouts, TimeProvider timeProvider)
{
    public EngineTimeouts Timeouts => timeouts;

    /// <param name="what">For the message: "disk 1234 to become ok".</param>
    /// <param name="limit">How long to look.</param>
    /// <param name="look">Reads the state. Done with the result, or not done with a word for the state seen.</param>
    /// <param name="cancellationToken">The caller's.</param>
    /// <exception cref="OvirtException"><see cref="OvirtError.Timeout"/> when the limit ran out; whatever <paramref name="look"/> throws.</exception>
    public async Task<T> UntilAsync<T>(string what, TimeSpan limit, Func<CancellationToken, Task<PollResult<T>>> look, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        while (true)
        {
            var result = await look(cancellationToken);
            if (result.Done)
            {
                return result.Value!;
            }

            var waited = timeProvider.GetElapsedTime(started);
            if (waited >= limit)
            {
                throw new OvirtException(OvirtError.Timeout, $"Waited {limit} for {what}; the last state seen is {result.Seen}.");
            }

            var pause = Math.Clamp(waited.Ticks / 50, timeouts.PollInterval.Ticks, timeouts.PollInterval.Ticks * 10);
            await Task.Delay(TimeSpan.FromTicks(pause), timeProvider, cancellationToken);
        }
    }
}

/// <summary>What one look saw.</summary>
internal readonly record struct PollResult<T>(bool Done, T? Value, string Seen)
{
    public static PollResult<T> Finished(T value) => new(true, value, string.Empty);

    public static PollResult<T> Waiting(string seen) => new(false, default, seen);
}
