// SPDX-License-Identifier: Apache-2.0

using System.ComponentModel;
using System.Diagnostics;
using OvirtDistributed.Tests.Cli.Fakes;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Cli;

/// <summary>The completion scripts in the shells they are for. <c>eng/install-packages.sh</c> installs these.</summary>
public sealed class ShellCompletionTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("bash", "ovd manager in", "inventory")]
    [InlineData("bash", "ovd job ", "cancel list logs show watch")]
    [InlineData("bash", "ovd job --out", "--output")]
    [InlineData("bash", "ovd restore vm x --nics k", "keep-mac")]
    [InlineData("zsh", "ovd manager in", "inventory")]
    [InlineData("zsh", "ovd job ", "cancel list logs show watch")]
    [InlineData("zsh", "ovd job --out", "--output")]
    [InlineData("fish", "ovd manager in", "inventory")]
    [InlineData("fish", "ovd job ", "cancel list logs show watch")]
    [InlineData("fish", "ovd job --out", "--output")]
    public async Task LineIsCompleted_ByTheProgramsOwnWords(string shell, string line, string expected)
    {
        await PrepareAsync(shell, $"exec dotnet '{Path.Combine(AppContext.BaseDirectory, "ovd.dll")}' \"$@\"");

        Assert.Equal(expected.Split(' '), await CompleteAsync(shell, line));
    }

    /// <summary>Names come from the server and from whoever named a VM: completing must not run them.</summary>
    [Theory]
    [InlineData("bash", @"web\$\(touch\ pwned\) web\`touch\ pwned\`")]
    [InlineData("zsh", "web$(touch pwned) web`touch pwned`")]
    [InlineData("fish", "web$(touch pwned) web`touch pwned`")]
    public async Task NameLooksLikeACommand_IsOfferedAndNotRun(string shell, string expected)
    {
        await PrepareAsync(shell, "printf '%s\\n' 'web$(touch pwned)' 'web`touch pwned`' --wait /?");

        var offered = await CompleteAsync(shell, "ovd backup run we");

        Assert.Equal(expected, string.Join(' ', offered));
        Assert.False(File.Exists(_directory.File("pwned")));
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public async Task NothingToSuggest_FilesAreOffered(string shell)
    {
        await PrepareAsync(shell, "exit 0");
        File.WriteAllText(_directory.File("ca-of-mine.pem"), string.Empty);

        // bash falls back by itself (-o default), which shows in an interactive shell only.
        Assert.Equal(shell == "bash" ? [] : ["ca-of-mine.pem"], await CompleteAsync(shell, "ovd --tls-ca ca-of"));
    }

    private async Task PrepareAsync(string shell, string program)
    {
        var script = new CliRun();
        await script.RunAsync(null, CancellationToken.None, "completion", shell);
        File.WriteAllText(_directory.File("completion"), script.Out);
        File.WriteAllText(_directory.File("ovd"), $"#!/bin/bash\n{program}\n");
        File.SetUnixFileMode(_directory.File("ovd"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    private Task<string[]> CompleteAsync(string shell, string line) => shell switch
    {
        "bash" => RunAsync(
            "bash",
            $$"""
            source completion
            COMP_LINE='{{line}}'; COMP_POINT=${#COMP_LINE}
            read -ra COMP_WORDS <<<"$COMP_LINE"
            [[ "$COMP_LINE" == *' ' ]] && COMP_WORDS+=('')
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _ovd
            printf '%s\n' "${COMPREPLY[@]}"
            """),
        "zsh" => RunAsync(
            "zsh",
            $$"""
            zmodload zsh/zpty
            zpty shell zsh -f -i
            zpty -w shell 'stty -echo; PROMPT=; autoload -Uz compinit; compinit -u -D; source ./completion'
            zpty -w shell 'compadd() { local -a matches; builtin compadd -O matches "$@"; (( ${#matches} )) && print -rl -- $matches > matches; builtin compadd "$@"; }'
            zpty -w shell 'after() { print -r -- "completion is ""over" }; comppostfuncs=(after); print -r -- "shell is ""ready"'
            zpty -r shell output '*shell is ready*'
            zpty -n -w shell '{{line}}'$'\t'
            while zpty -r shell output; do [[ $output == *'completion is over'* ]] && break; done
            zpty -d shell
            [[ -e matches ]] && cat matches
            exit 0
            """),
        _ => RunAsync("fish", $"source completion; complete -C '{line}'"),
    };

    private async Task<string[]> RunAsync(string shell, string script)
    {
        File.WriteAllText(_directory.File("script"), script);
        var start = new ProcessStartInfo(shell, shell == "fish" ? ["--no-config", "script"] : shell == "zsh" ? ["-f", "script"] : ["--norc", "script"])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            WorkingDirectory = _directory.Path,
        };
        start.Environment["PATH"] = $"{_directory.Path}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["HOME"] = _directory.Path;
        start.Environment["TERM"] = "dumb";
        using var process = Start(start);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken).WithinDeadline();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WithinDeadline();
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException($"{start.FileName} is missing; eng/install-packages.sh installs what the tests need.", e);
        }
    }
}
