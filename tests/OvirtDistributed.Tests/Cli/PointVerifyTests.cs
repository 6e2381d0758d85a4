// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Tests.Cli.Fakes;
using Xunit;
using MoverResult = OvirtDistributed.Contracts.Mover.V1.VerifyPointResponse;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli;

public sealed class PointVerifyTests
{
    [Theory]
    [InlineData(6, true)]
    [InlineData(1, false)]
    public async Task WhileItRuns_ProgressIsShownEverySomeSeconds(int secondsPerStep, bool isShown)
    {
        var run = new CliRun();
        var installation = Samples.Installation();
        installation.BeforeVerifyStep = () => run.Time.Advance(TimeSpan.FromSeconds(secondsPerStep));
        installation.VerifySteps.Add(new() { CheckedBytes = 1L << 30, SizeBytes = 4L << 30 });
        installation.VerifySteps.Add(new() { CheckedBytes = 2L << 30, SizeBytes = 4L << 30 });
        installation.VerifySteps.Add(new()
        {
            CheckedBytes = 3L << 30,
            SizeBytes = 4L << 30,
            Result = new VerifyPointResponse { PointId = Samples.PointId, ContentProven = true, Result = new MoverResult { Healthy = true, CheckedObjects = 7, CheckedBytes = 3L << 30 } },
        });
        await using var server = await FakeBackupServer.StartAsync(installation);

        await run.RunAsync(server.Address, CancellationToken.None, "point", "verify", Samples.PointId);

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        var output = run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(isShown, output.Any(line => line.Contains(" checked, of at most 4.0 GiB (", StringComparison.Ordinal)));
        Assert.StartsWith($"Restore point {Samples.PointId} is whole: 7 objects", output[^1], StringComparison.Ordinal);
    }
}
