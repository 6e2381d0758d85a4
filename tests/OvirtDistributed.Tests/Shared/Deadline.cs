// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;

namespace OvirtDistributed.Tests.Shared;

/// <summary>Every await of a test has a deadline: a hang is a failure that names its place.</summary>
public static class Deadline
{
    /// <summary>Generous on purpose: it only has to be shorter than a person's patience on a busy machine.</summary>
    public static readonly TimeSpan Default = TimeSpan.FromMinutes(3);

    public static async Task WithinDeadline(
        this Task task, TimeSpan? limit = null, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        try
        {
            await task.WaitAsync(limit ?? Default, TimeProvider.System);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw Missed(limit, file, line);
        }
    }

    public static async Task<T> WithinDeadline<T>(
        this Task<T> task, TimeSpan? limit = null, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        try
        {
            return await task.WaitAsync(limit ?? Default, TimeProvider.System);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw Missed(limit, file, line);
        }
    }

    /// <summary>Polls a condition that nothing announces (another process's state); the pause between looks is real time.</summary>
    public static async Task UntilAsync(
        Func<Task<bool>> condition, string what, TimeSpan? limit = null, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > (limit ?? Default))
            {
                throw new TimeoutException($"{Path.GetFileName(file)}:{line}: not within {limit ?? Default}: {what}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, CancellationToken.None);
        }
    }

    private static TimeoutException Missed(TimeSpan? limit, string file, int line) =>
        new($"{Path.GetFileName(file)}:{line}: not done within {limit ?? Default}.");
}
