// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

/// <summary>
/// What a guard does: waits until the guest is asked, and from then on for more words; thaws when they end, because whoever spoke is gone, or when the time-out is over. A thaw that fails is repeated with growing
/// pauses, and so is one of a freeze whose answer was never seen, which may take effect later.
/// </summary>
internal sealed class ThawGuardDuty(ThawGuardOrder order, Func<CancellationToken, Task> thaw, TextReader words, TimeProvider time)
{
    private long _started;
    private Task<string?>? _word;
    private bool _answered;

    private TimeSpan Elapsed => time.GetElapsedTime(_started);

    /// <summary>Returns 0 when the guest is thawed, or when it was said to be; 1 when it may be frozen still.</summary>
    public async Task<int> RunAsync()
    {
        if (await words.ReadLineAsync(CancellationToken.None) != ThawGuardOrder.Asked)
        {
            return 0; // Whoever started us is gone, or thought better of it: the guest was never asked.
        }

        _started = time.GetTimestamp();
        _word = words.ReadLineAsync(CancellationToken.None).AsTask();
        if (await WaitAsync(order.Timeout))
        {
            return 0;
        }

        var first = Elapsed;
        for (var tries = 1; ; tries++)
        {
            var thawed = await TryAsync();
            if (thawed && (_answered || Elapsed > order.Lifetime))
            {
                return 0;
            }

            if (Elapsed - first > order.Patience)
            {
                return thawed ? 0 : 1;
            }

            if (await WaitAsync(Elapsed + FreezeLimits.PauseAfter(tries, order.Pause)))
            {
                return 0;
            }
        }
    }

    /// <summary>Listens until a moment, counted from the start, or until whoever speaks is gone.</summary>
    /// <returns>True when the guest is said to be thawed.</returns>
    private async Task<bool> WaitAsync(TimeSpan until)
    {
        while (until - Elapsed is var left && left > TimeSpan.Zero)
        {
            using var over = new CancellationTokenSource();
            var pause = Task.Delay(left, time, over.Token);
            var first = _word is null ? pause : await Task.WhenAny(_word, pause);
            if (first == pause)
            {
                await pause;
                return false;
            }

            await over.CancelAsync();
            switch (await HeardAsync())
            {
                case ThawGuardOrder.Thawed:
                    return true;
                case ThawGuardOrder.Frozen:
                    _answered = true;
                    break;
                case null:
                    _word = null;
                    return false;
            }

            _word = words.ReadLineAsync(CancellationToken.None).AsTask();
        }

        return false;
    }

    private async Task<string?> HeardAsync()
    {
        try
        {
            return await _word!;
        }
        catch (IOException)
        {
            return null; // As an end: there is nobody to hear any more.
        }
    }

    private async Task<bool> TryAsync()
    {
        using var limit = new CancellationTokenSource(FreezeLimits.OneThaw, time);
        try
        {
            await thaw(limit.Token);
            return true;
        }
        catch (Exception)
        {
            // Whatever went wrong: the guest waits, and nobody but us is there.
            return false;
        }
    }
}
