// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Tests.Shared;

namespace OvirtDistributed.Tests.Ovirt.Support;

/// <summary>Moves the test's clock for as long as a call needs it, so that minutes of back-off pass in moments.</summary>
internal static class TimeDriver
{
    /// <returns>How much time passed on the test's clock.</returns>
    public static async Task<TimeSpan> DriveAsync(this ManualTimeProvider time, Task task, TimeSpan step)
    {
        var started = time.GetUtcNow();
        await Deadline.UntilAsync(
            () =>
            {
                if (!task.IsCompleted)
                {
                    time.Advance(step);
                }

                return Task.FromResult(task.IsCompleted);
            },
            "the call to end while time passes");
        return time.GetUtcNow() - started;
    }
}
