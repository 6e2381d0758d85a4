// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Tests.Cli.Fakes;
using Xunit;

namespace OvirtDistributed.Tests.Cli;

/// <summary>What people and programs get to read, compared with files.</summary>
public sealed class OutputTests
{
    public static TheoryData<string, string> Reads() => new()
    {
        { "manager-list", "manager list" },
        { "manager-inventory", "manager inventory" },
        { "repository-list", "repository list" },
        { "repository-remove", "repository remove main --forget-points" },
        { "repository-remove-unknown", "repository remove other" },
        { "repository-key-list", "repository key list main" },
        { "repository-damaged", "repository damaged main" },
        { "repository-set-aside", "repository set-aside main 0b2d" },
        { "worker-list", "worker list" },
        { "queue-list", "queue list" },
        { "vm-list", "vm list" },
        { "vm-list-unprotected", "vm list --unprotected" },
        { "vm-enable-cbt", "vm enable-cbt web" },
        { "plan-backup", "plan backup web" },
        { "plan-restore", $"plan restore {Samples.PointId} --name web-copy --manager dr" },
        { "job-list", "job list" },
        { "job-show", $"job show {Samples.JobId}" },
        { "job-logs", $"job logs {Samples.JobId}" },
        { "point-list", "point list" },
        { "point-show", $"point show {Samples.PointId}" },
        { "point-lock", $"point lock {Samples.PointId} --days 90" },
        { "status", "status" },
    };

    [Theory]
    [MemberData(nameof(Reads))]
    public async Task ReadCommand_WritesTheTable(string name, string command)
    {
        await using var server = await FakeBackupServer.StartAsync(Filled());

        var run = await CliRun.OvdAsync(server, command.Split(' '));

        Assert.Equal("", run.Error);
        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Golden.Matches(name + ".txt", run.Out.Replace(server.Address, "http://127.0.0.1:7443", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Reads))]
    public async Task ReadCommandAsJson_WritesTheDocument(string name, string command)
    {
        await using var server = await FakeBackupServer.StartAsync(Filled());

        var run = await CliRun.OvdAsync(server, [.. command.Split(' '), "-o", "json"]);

        Assert.Equal("", run.Error);
        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        using var document = System.Text.Json.JsonDocument.Parse(run.Out);
        Golden.Matches(name + ".json", run.Out.Replace(server.Address, "http://127.0.0.1:7443", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("manager list", "No managers yet.")]
    [InlineData("repository list", "No repositories yet.")]
    [InlineData("worker list", "No worker has reported yet")]
    [InlineData("queue list", "No queues yet")]
    [InlineData("vm list", "No VMs.")]
    [InlineData("job list", "No jobs.")]
    [InlineData("job list --running", "No job is running.")]
    [InlineData("job watch", "No job is running.")]
    [InlineData("point list", "No restore points yet.")]
    [InlineData("point list --vm web01", "No restore points match.")]
    public async Task NothingThere_SaysSo(string command, string expected)
    {
        await using var server = await FakeBackupServer.StartAsync();

        var run = await CliRun.OvdAsync(server, command.Split(' '));

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.StartsWith(expected, run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NameWithEscapeSequence_DoesNotReachTheTerminal()
    {
        await using var server = await FakeBackupServer.StartAsync(Filled());

        var run = await CliRun.OvdAsync(server, "vm", "list");

        Assert.DoesNotContain('\u001b', run.Out);
        Assert.Contains("db\ufffd[31mred", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Terminal_GetsColours()
    {
        await using var server = await FakeBackupServer.StartAsync(Filled());
        var run = new CliRun { Terminal = true };

        await run.RunAsync(server.Address, CancellationToken.None, "worker", "list");

        Assert.Contains("\u001b[32monline\u001b[0m", run.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--no-color", null, null)]
    [InlineData(null, "NO_COLOR", "1")]
    [InlineData(null, "TERM", "dumb")]
    public async Task TerminalWithoutColour_GetsNone(string? option, string? variable, string? value)
    {
        await using var server = await FakeBackupServer.StartAsync(Filled());
        var run = new CliRun { Terminal = true };
        if (variable is not null)
        {
            run.Environment[variable] = value!;
        }

        await run.RunAsync(server.Address, CancellationToken.None, [.. new[] { "worker", "list", option }.OfType<string>()]);

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.DoesNotContain('\u001b', run.Out);
    }

    [Theory]
    [InlineData(false, 0, "main        -")]
    [InlineData(false, 2, "main        2")]
    [InlineData(true, 1, "main        damaged")]
    [InlineData(true, 3, "main        damaged, 2 more")]
    public async Task PointList_CountsWarningsAndDoesNotHideDamage(bool damaged, int warnings, string expected)
    {
        var installation = Samples.Installation();
        var point = installation.Points[0];
        point.Damaged = damaged;
        point.Warnings.Clear();
        point.Warnings.Add(Enumerable.Repeat("a long sentence that is read with point show", warnings));
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "point", "list");

        Assert.EndsWith(expected, run.Out.Split('\n')[1], StringComparison.Ordinal);
        Assert.Equal(warnings > 0, run.Out.Contains("ovd point show ID", StringComparison.Ordinal));
    }

    [Fact]
    public async Task PointShowOvf_PrintsNothingElse()
    {
        await using var server = await FakeBackupServer.StartAsync(Filled());

        var run = await CliRun.OvdAsync(server, "point", "show", "7b1d", "--ovf");

        Assert.Equal("<ovf:Envelope/>\n", run.Out);
    }

    private static FakeInstallation Filled()
    {
        var installation = Samples.Installation();
        installation.Jobs[0] = Samples.RunningJob(3L << 30);
        installation.Logs.Add(new() { Time = Samples.Ago(TimeSpan.FromSeconds(70)), Severity = "info", Message = "Started the engine's backup." });
        installation.Logs.Add(new() { Time = Samples.Ago(TimeSpan.FromSeconds(30)), Severity = "warning", Message = "Lease of attempt 1 expired.", TaskId = "t1" });
        return installation;
    }
}
