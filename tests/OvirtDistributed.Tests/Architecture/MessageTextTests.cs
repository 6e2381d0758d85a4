// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Xunit;

namespace OvirtDistributed.Tests.Architecture;

/// <summary>What operators read, as it is written in the sources.</summary>
public sealed partial class MessageTextTests
{
    /// <summary>A message that comes from elsewhere is a sentence of its own, mostly: with one more full stop it has two.</summary>
    [Fact]
    public void ForeignMessageBeforeAFullStop_LosesItsOwn()
    {
        // What these compose has none: the words are written beside them.
        string[] known = ["SelectionRules.cs", "CbtSwitch.cs"];
        var found = Sources()
            .Where(file => !known.Contains(Path.GetFileName(file)))
            .SelectMany(file => MessageAndFullStop().Matches(File.ReadAllText(file)).Select(match => $"{Path.GetFileName(file)}: {match.Value} (add TrimEnd('.'))"));

        Assert.Empty(found);
    }

    /// <summary>Messages are read far from the worker that wrote them, beside those of others.</summary>
    [Fact]
    public void MessageOfAWorker_DoesNotSayThisWorker()
    {
        var found = Sources()
            .SelectMany(file => File.ReadLines(file).Where(line => ThisWorkerInText().IsMatch(line)).Select(line => $"{Path.GetFileName(file)}: {line.Trim()}"))
            .Where(line => !line.StartsWith("WorkerOptions.cs", StringComparison.Ordinal)); // Said by the worker at its own start.

        Assert.Empty(found);
    }

    [GeneratedRegex("""\{(\w+\.)*(Message|Problem|problem)\}\.[ "]""")]
    private static partial Regex MessageAndFullStop();

    [GeneratedRegex("""^(?!\s*//).*"[^"]*[Tt]his worker""")]
    private static partial Regex ThisWorkerInText();

    private static IEnumerable<string> Sources([CallerFilePath] string thisFile = "") =>
        Directory.EnumerateFiles(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "..", "..", "src")), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal));
}
