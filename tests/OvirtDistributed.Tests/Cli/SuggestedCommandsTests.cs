// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Tests.Cli.Fakes;
using Xunit;

namespace OvirtDistributed.Tests.Cli;

/// <summary>Commands that documentation and messages tell people to type are commands of this program.</summary>
public sealed partial class SuggestedCommandsTests
{
    /// <summary>Words after "ovd" in sentences about the program itself.</summary>
    private static readonly string[] Prose = ["instance", "is", "does", "in", "or", "and", "writes", "has", "reads", "never", "alone", "commands", "then", "on", "ended"];

    private static readonly string[] Documents = ["README.md", "CONTRIBUTING.md", "docs/operator-guide.md", "docs/cli.md", "docs/developer-guide.md", "docs/benchmarks.md", "src/OvirtDistributed.Cli/README.md"];

    /// <summary>What stands in code blocks and in the table of commands is typed as it is, so all of it has to parse.</summary>
    public static TheoryData<string, string> Examples()
    {
        var data = new TheoryData<string, string>();
        foreach (var document in Documents)
        {
            var text = File.ReadAllText(Path.Combine(Root(), document)).Replace("\\\n", " ", StringComparison.Ordinal);
            var typed = Fence().Matches(text).SelectMany(block => block.Value.Split('\n')).Select(line => line.TrimStart('$', ' '))
                .Concat(document == "docs/cli.md" ? TableCell().Matches(text).Select(cell => cell.Groups[1].Value) : []);
            foreach (var line in typed.Where(line => line.StartsWith("ovd ", StringComparison.Ordinal) && !line.Contains('…')).Distinct())
            {
                data.Add(document, line);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Example_Parses(string document, string line)
    {
        var parse = Tree().Parse(Words(line), new ParserConfiguration { ResponseFileTokenReplacer = null });

        Assert.True(parse.Errors.Count == 0, $"{document}: {line}\n{string.Join('\n', parse.Errors.Select(error => error.Message))}");
        Assert.Empty(parse.CommandResult.Command.Subcommands);
    }

    /// <summary>In sentences commands are named, often without all that they need: command and options must be there.</summary>
    [Fact]
    public void CommandNamedInADocument_IsThere() => Assert.Empty(Documents.SelectMany(document =>
        Inline().Matches(File.ReadAllText(Path.Combine(Root(), document))).Select(match => Problem(match.Groups[1].Value)).OfType<string>().Select(problem => $"{document}: {problem}")));

    [Fact]
    public void CommandNamedInAMessage_IsThere() => Assert.Empty(Sources().SelectMany(file =>
        Message().Matches(File.ReadAllText(file)).Select(match => Problem(match.Value)).OfType<string>().Select(problem => $"{Path.GetFileName(file)}: {problem}")));

    [Theory]
    [InlineData("ovd job shw", "job has no command 'shw'")]
    [InlineData("ovd frobnicate", "there is no command 'frobnicate'")]
    [InlineData("ovd job list --all", "list has no option --all")]
    [InlineData("ovd point verify POINT --content --repair says more", null)]
    [InlineData("ovd repository list shows all.", null)]
    [InlineData("ovd point list,", null)]
    public void Problem_IsSeen(string text, string? problem) => Assert.Equal(problem, Problem(text)?.Split(": ")[^1]);

    private static string? Problem(string text)
    {
        Command command = Tree();
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(word => word.TrimEnd('.', ',', ';', ':', ')', '`', '"', '\'')).ToList();
        foreach (var word in words)
        {
            if (word.StartsWith("--", StringComparison.Ordinal) && word.Length > 2 && char.IsAsciiLetter(word[2]))
            {
                var name = word.Split('=')[0];
                var known = command.Options.Concat(Tree().Options).Any(option => option.Name == name || option.Aliases.Contains(name));
                if (!known && name != "--help" && !name.Contains('…'))
                {
                    return $"{text}: {command.Name} has no option {name}";
                }
            }
            else if (command.Subcommands.Count > 0 && CommandName().IsMatch(word))
            {
                if (command.Subcommands.SingleOrDefault(child => child.Name == word) is not { } next)
                {
                    return command is RootCommand ? Prose.Contains(word) ? null : $"{text}: there is no command '{word}'" : $"{text}: {command.Name} has no command '{word}'";
                }

                command = next;
            }
            else if (command.Subcommands.Count > 0)
            {
                return null; // ovd [COMMAND], ovd {variable}
            }
        }

        return null;
    }

    /// <summary>As a shell divides them: quotes, and no comment.</summary>
    private static string[] Words(string line)
    {
        var (words, word, quote, open) = (new List<string>(), new StringBuilder(), '\0', false);
        foreach (var letter in Comment().Replace(line, "").Split(" | ")[0][4..] + " ")
        {
            if (quote == '\0' && letter is '\'' or '"')
            {
                (quote, open) = (letter, true);
            }
            else if (letter == quote)
            {
                quote = '\0';
            }
            else if (letter != ' ' || quote != '\0')
            {
                _ = word.Append(letter);
            }
            else if (word.Length > 0 || open)
            {
                words.Add(word.ToString());
                (open, _) = (false, word.Clear());
            }
        }

        return [.. words];
    }

    private static RootCommand Tree()
    {
        var options = new GlobalOptions();
        return CommandTree.Build(new CommandRunner(new CliRun().Host(TextReader.Null), options), options);
    }

    private static IEnumerable<string> Sources() => new[] { "src", "tests/OvirtDistributed.Lab" }
        .SelectMany(directory => Directory.EnumerateFiles(Path.Combine(Root(), directory), "*.cs", SearchOption.AllDirectories))
        .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal));

    private static string Root([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "..", ".."));

    [GeneratedRegex("(?ms)^ *```.*?^ *```")]
    private static partial Regex Fence();

    [GeneratedRegex(@"\| `(ovd [^`]*)` \|")]
    private static partial Regex TableCell();

    [GeneratedRegex("(?s)`(ovd [^`]*)`")]
    private static partial Regex Inline();

    /// <summary>From "ovd" to the end of what looks like a command line: lower-case words, options, names in capitals and what is put in.</summary>
    [GeneratedRegex(@"(?<=[""' (:])ovd( (--?[a-z][a-z-]*|[a-z][a-z-]*|[A-Z]+|\{[^{}""]*\}))+")]
    private static partial Regex Message();

    [GeneratedRegex("^[a-z][a-z-]*$")]
    private static partial Regex CommandName();

    [GeneratedRegex(@"\s+# .*$")]
    private static partial Regex Comment();
}
