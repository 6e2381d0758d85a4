// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Xml.Linq;
using Xunit;

namespace OvirtDistributed.Tests.Architecture;

/// <summary>Dependencies between projects point one way; the allowed edges are listed here and nowhere else.</summary>
public sealed class DependencyDirectionTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Contracts"] = [],
        ["Ovirt"] = [],
        ["Repository"] = [],
        ["Repository.S3"] = ["Repository"],
        ["Hosting"] = ["Contracts"],
        ["Worker"] = ["Contracts", "Ovirt", "Repository", "Hosting"],
        ["DataMover"] = ["Contracts", "Repository", "Repository.S3", "Hosting"],
        ["Cli"] = ["Contracts", "Repository", "Hosting"],
        // The embedded worker is the one edge between executables.
        ["Server"] = ["Contracts", "Ovirt", "Repository", "Hosting", "Worker"],
        // A simulator that shared types with the product would share its mistakes.
        ["Simulator"] = [],
    };

    public static TheoryData<string> SourceProjects()
    {
        var data = new TheoryData<string>();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Root(), "src"), "*.csproj", SearchOption.AllDirectories))
        {
            data.Add(ShortName(file));
        }

        data.Add("Simulator");
        return data;
    }

    [Theory]
    [MemberData(nameof(SourceProjects))]
    public void Project_ReferencesOnlyWhatIsBelowIt(string project)
    {
        Assert.True(Allowed.TryGetValue(project, out var allowed), $"{project} is not in the list of allowed edges: add it with what it may reference.");

        var actual = References(ProjectFile(project)).Select(ShortName).ToList();

        Assert.Empty(actual.Except(allowed));
    }

    [Fact]
    public void EveryProject_IsInTheSolution()
    {
        var solution = File.ReadAllText(Path.Combine(Root(), "OvirtDistributed.sln"));
        var missing = new[] { "src", "tests" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root(), folder), "*.csproj", SearchOption.AllDirectories))
            .Select(file => Path.GetFileName(file))
            .Where(name => !solution.Contains(name, StringComparison.Ordinal));

        Assert.Empty(missing);
    }

    [Fact]
    public void NoProject_StatesAPackageVersion()
    {
        var offenders = new[] { "src", "tests" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root(), folder), "*.csproj", SearchOption.AllDirectories))
            .Where(file => XDocument.Load(file).Descendants("PackageReference").Any(reference => reference.Attribute("Version") is not null))
            .Select(ShortName);

        Assert.Empty(offenders);
    }

    private static IEnumerable<string> References(string projectFile) =>
        XDocument.Load(projectFile).Descendants("ProjectReference").Select(reference => reference.Attribute("Include")!.Value);

    private static string ShortName(string projectFile) =>
        Path.GetFileNameWithoutExtension(projectFile)["OvirtDistributed.".Length..];

    private static string ProjectFile(string project)
    {
        var name = $"OvirtDistributed.{project}";
        var folder = project == "Simulator" ? "tests" : "src";
        return Path.Combine(Root(), folder, name, name + ".csproj");
    }

    private static string Root([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "..", ".."));
}
