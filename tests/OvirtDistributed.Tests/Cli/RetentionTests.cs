// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Tests.Cli.Fakes;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli;

public sealed class RetentionTests
{
    [Fact]
    public async Task Set_SendsTheWholeRuleAndSaysWhatItKeeps()
    {
        await using var server = await FakeBackupServer.StartAsync();

        var run = await CliRun.OvdAsync(
            server, "retention", "set", "standard", "--keep-daily", "14", "--keep-monthly", "12", "--keep-within", "3", "--time-zone", "Europe/Berlin", "--default");

        Assert.Equal(((int)ExitCode.Ok, ""), (run.ExitCode, run.Error));
        var request = server.Installation.Single<SetRetentionPolicyRequest>();
        Assert.Equal(new RetentionRule { Daily = 14, Monthly = 12, WithinDays = 3, TimeZone = "Europe/Berlin" }, request.Rule);
        Assert.True(request.MakeDefault);
        Assert.Contains("keeps daily 14, monthly 12, younger than 3 days (Europe/Berlin)", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SetWithoutARule_IsRefusedBeforeAnythingIsAsked()
    {
        await using var server = await FakeBackupServer.StartAsync();

        var run = await CliRun.OvdAsync(server, "retention", "set", "standard");

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        Assert.Contains("--keep-last", run.Error, StringComparison.Ordinal);
        Assert.Empty(server.Installation.Requests);
    }

    [Theory]
    [InlineData]
    [InlineData("--policy", "long", "--default")]
    public async Task AssignWithoutOneClearChoice_IsRefused(params string[] options)
    {
        await using var server = await FakeBackupServer.StartAsync();

        var run = await CliRun.OvdAsync(server, ["retention", "assign", "web01", .. options]);

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        Assert.Contains("either --policy POLICY or --default", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preview_ShowsEachPointWithItsReasonsAndCounts()
    {
        await using var server = await FakeBackupServer.StartAsync(Filled(problem: ""));

        var run = await CliRun.OvdAsync(server, "retention", "preview", "--vm", "web01");

        Assert.Equal(((int)ExitCode.Ok, ""), (run.ExitCode, run.Error));
        Assert.Contains("newest good point; daily 2026-03-04", run.Out, StringComparison.Ordinal);
        Assert.Contains("1 stay, 1 would go.", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ApplyMeetsAPointInUse_SaysSoAndEndsWithRefused()
    {
        await using var server = await FakeBackupServer.StartAsync(Filled(problem: "a session reads it"));

        var run = await CliRun.OvdAsync(server, "retention", "apply");

        Assert.Equal((int)ExitCode.Refused, run.ExitCode);
        Assert.Contains("a session reads it", run.Out, StringComparison.Ordinal);
        Assert.Contains("0 removed, 1 could not be removed now.", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoPolicy_ListSaysWhatThatMeans()
    {
        await using var server = await FakeBackupServer.StartAsync();

        var run = await CliRun.OvdAsync(server, "retention", "list");

        Assert.Contains("every restore point stays", run.Out, StringComparison.Ordinal);
    }

    private static FakeInstallation Filled(string problem)
    {
        var created = Timestamp.FromDateTimeOffset(new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero));
        var installation = new FakeInstallation();
        installation.RetentionDecisions.Add(new RetentionDecision
        {
            PointId = "aaaa1111",
            VmName = "web01",
            Repository = "main",
            Policy = "standard",
            Created = created,
            Keep = true,
            Reasons = { "newest good point", "daily 2026-03-04" },
        });
        installation.RetentionDecisions.Add(new RetentionDecision { PointId = "bbbb2222", VmName = "web01", Repository = "main", Policy = "standard", Created = created, Problem = problem });
        return installation;
    }
}
