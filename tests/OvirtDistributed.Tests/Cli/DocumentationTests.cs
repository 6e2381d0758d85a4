// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Runtime.CompilerServices;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Tests.Cli.Fakes;
using Xunit;

namespace OvirtDistributed.Tests.Cli;

/// <summary>docs/cli.md says what the program does.</summary>
public sealed class DocumentationTests
{
    private static readonly string Text = File.ReadAllText(Path.Combine(Root(), "docs", "cli.md"));

    public static TheoryData<string> Commands()
    {
        var data = new TheoryData<string>();
        foreach (var path in Leaves(Tree(), "ovd"))
        {
            data.Add(path);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Command_HasAnExample(string command) => Assert.Contains(command, Text, StringComparison.Ordinal);

    [Fact]
    public void ExitCodes_AreTheProgramsOwn()
    {
        Assert.Equal(Enum.GetValues<ExitCode>(), ExitCodeTexts.All.Select(entry => entry.Code));
        Assert.All(ExitCodeTexts.All, entry => Assert.Contains($"| {(int)entry.Code} | {entry.Text} |", Text, StringComparison.Ordinal));
    }

    [Fact]
    public void GlobalOptions_AreListed() =>
        Assert.All(Tree().Options.Where(option => option.Recursive), option => Assert.Contains(option.Name == "--output" ? "-o table|json" : option.Name, Text, StringComparison.Ordinal));

    private static RootCommand Tree()
    {
        var options = new GlobalOptions();
        return CommandTree.Build(new CommandRunner(new CliRun().Host(TextReader.Null), options), options);
    }

    private static IEnumerable<string> Leaves(Command command, string path) =>
        command.Subcommands.Count == 0 ? [path] : command.Subcommands.SelectMany(child => Leaves(child, $"{path} {child.Name}"));

    private static string Root([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "..", ".."));
}
