// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Tests.Cli.Fakes;
using Xunit;

namespace OvirtDistributed.Tests.Cli;

public sealed class CompletionTests
{
    [Theory]
    [InlineData("ovd resto", "restore")]
    [InlineData("ovd job ", "cancel list logs show watch")]
    [InlineData("ovd restore vm x --nics ", "disconnected keep-mac new-mac none")]
    [InlineData("ovd -o ", "json table")]
    [InlineData("ovd backup run x --compression d", "default dense")]
    public async Task Suggest_NamesWhatMayComeNext(string line, string expected)
    {
        var run = new CliRun();

        await run.RunAsync(null, CancellationToken.None, $"[suggest:{line.Length}]", line);

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        var suggestions = run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(text => !text.StartsWith('-') && !text.StartsWith('/')).Order(StringComparer.Ordinal);
        Assert.Equal(expected.Split(' '), suggestions);
    }

    [Theory]
    [InlineData("ovd backup run w", "web01")]
    [InlineData("ovd backup run x --repository ", "main")]
    [InlineData("ovd manager remove p", "prod")]
    [InlineData("ovd job watch 3f", Samples.JobId)]
    [InlineData("ovd restore vm 7", Samples.PointId)]
    public async Task Suggest_AsksTheServerForItsNames(string line, string expected)
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(server, $"[suggest:{line.Length}]", line);

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Contains(expected, run.Out.Split('\n'));
    }

    [Theory]
    [InlineData("restore vm", "<POINT>")]
    [InlineData("restore disk", "<POINT>")]
    [InlineData("point show", "<POINT>")]
    [InlineData("job show", "<JOB>")]
    [InlineData("job logs", "<JOB>")]
    [InlineData("job cancel", "<JOB>")]
    [InlineData("job watch", "<JOB>")]
    [InlineData("backup run", "<VM>")]
    [InlineData("manager remove", "<MANAGER>")]
    [InlineData("manager inventory", "<MANAGER>")]
    public async Task Help_NamesTheArgumentAndNotWhatTheServerHas(string command, string expected)
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(server, [.. command.Split(' '), "--help"]);

        var arguments = run.Out[run.Out.IndexOf("Arguments:", StringComparison.Ordinal)..];
        Assert.StartsWith(expected, arguments.Split('\n')[1].Trim(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SuggestWithoutServer_NamesOnlyWhatTheProgramKnows()
    {
        var run = new CliRun();

        await run.RunAsync("http://127.0.0.1:1", CancellationToken.None, "[suggest:17]", "ovd backup run wa");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Equal("--wait", run.Out.Trim());
        Assert.Equal("", run.Error);
    }

    [Theory]
    [InlineData("bash", "complete -o default -F _ovd ovd")]
    [InlineData("zsh", "#compdef ovd")]
    [InlineData("fish", "complete -c ovd")]
    public async Task Script_IsPrinted(string shell, string expected)
    {
        var run = new CliRun();

        await run.RunAsync(null, CancellationToken.None, "completion", shell);

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Contains(expected, run.Out, StringComparison.Ordinal);
        Assert.Contains("[suggest:", run.Out, StringComparison.Ordinal);
    }
}
