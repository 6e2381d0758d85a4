// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Tests.Cli.Fakes;
using OvirtDistributed.Tests.Shared;
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

    [Fact]
    public async Task BashScript_CompletesInBash()
    {
        var script = new CliRun();
        await script.RunAsync(null, CancellationToken.None, "completion", "bash");
        using var directory = new TemporaryDirectory();
        var program = Path.Combine(AppContext.BaseDirectory, "ovd.dll");
        File.WriteAllText(directory.File("ovd"), $"#!/bin/bash\nexec dotnet '{program}' \"$@\"\n");
        File.SetUnixFileMode(directory.File("ovd"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.WriteAllText(
            directory.File("test.sh"),
            $"PATH='{directory.Path}':$PATH\n{script.Out}\nCOMP_LINE='ovd manager in'\nCOMP_POINT=14\nCOMP_WORDS=(ovd manager in)\nCOMP_CWORD=2\n_ovd\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n");

        using var bash = Process.Start(new ProcessStartInfo("bash", [directory.File("test.sh")]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var output = await bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken).WithinDeadline();
        await bash.WaitForExitAsync(TestContext.Current.CancellationToken).WithinDeadline();

        Assert.Equal("inventory\n", output);
    }
}
