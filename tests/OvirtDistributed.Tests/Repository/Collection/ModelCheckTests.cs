// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Runtime.CompilerServices;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Collection;

/// <summary>Runs spin over the model of garbage collection (tests/models/garbage-collection): all interleavings within its bounds.</summary>
public sealed class ModelCheckTests
{
    // Two processors with nothing else to do need about a minute; they rarely have nothing else to do.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20);

    private static readonly string[] Scenarios =
    [
        "crash", "removal", "shared-base", "two-rounds", "two-writers", "failures", "failed-commit", "failed-removal", "merge", "low-pack", "new-pack", "late-flush",
    ];

    private static readonly string[] Mutations =
    [
        "NO_SECOND_LOOK", "TOUCH_AFTER_LOOK", "NO_HOLD", "NO_COMMIT_WAIT", "NO_PIN_TOUCH", "NO_BASE_PIN", "TRUST_UNPINNED", "FOLLOW_ONCE", "REMOVING_UNSEEN",
        "NO_COPY_FLUSH", "ENTER_DOOMED", "SPARE_ON_FAILED_TOMBSTONE", "DOUBT_FORGOTTEN", "MERGE_BESIDE_DOOM", "OPEN_LATE", "ADD_WITHOUT_TOUCH", "NEVER_DOOM",
        "REACH_REMOVED",
    ];

    [Fact]
    public async Task TheProtocolHolds_AndNoneOfItsProtectionsCanBeTakenAway()
    {
        var start = new ProcessStartInfo(Path.Combine(Root(), "eng", "check-models.sh"))
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            await process.WaitForExitAsync(TestContext.Current.CancellationToken).WithinDeadline(Limit);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }

        Assert.False(process.ExitCode == 2, $"The models cannot be checked: {await error.WithinDeadline()}");
        var lines = (await output.WithinDeadline()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var name in Scenarios)
        {
            Assert.Single(lines, line => line.StartsWith($"scenario {name} ok ", StringComparison.Ordinal));
        }

        foreach (var name in Mutations)
        {
            Assert.Single(lines, line => line.StartsWith($"mutation {name} ok ", StringComparison.Ordinal));
        }

        Assert.Equal(Scenarios.Length + Mutations.Length, lines.Length);
        Assert.Equal(0, process.ExitCode);
    }

    private static string Root([CallerFilePath] string file = "") => Path.GetFullPath("../../../..", Path.GetDirectoryName(file)!);
}
