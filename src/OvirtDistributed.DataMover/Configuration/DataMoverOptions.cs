// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.DataMover.Configuration;

/// <summary>What a Data Mover serves and within which bounds. Configuration section <c>DataMover</c>.</summary>
public sealed class DataMoverOptions
{
    public const string Section = "DataMover";

    private const int MaxNameLength = 64;
    private const int MostLockDays = 3653;

    /// <summary>Repositories by the name that workers and the backup server use. Letters, digits, '-' and '.', at most 64. At least one.</summary>
    public Dictionary<string, RepositoryOptions> Repositories { get; set; } = new(StringComparer.Ordinal);

    public LimitOptions Limits { get; set; } = new();

    /// <summary>Every problem with these options, each naming the setting, its value and what to do; empty when they can be used.</summary>
    public IEnumerable<string> Problems()
    {
        if (Repositories.Count == 0)
        {
            yield return $"{Section}:Repositories is empty: set {Section}:Repositories:NAME:Path to a directory for at least one repository.";
        }

        foreach (var problem in Repositories.SelectMany(entry => RepositoryProblems(entry.Key, entry.Value)))
        {
            yield return problem;
        }

        foreach (var problem in Repositories.SelectMany(entry => CollectionProblems(entry.Key, entry.Value)))
        {
            yield return problem;
        }

        foreach (var problem in SharedDirectories())
        {
            yield return problem;
        }

        foreach (var problem in Limits.Problems($"{Section}:Limits"))
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> RepositoryProblems(string name, RepositoryOptions options)
    {
        var setting = $"{Section}:Repositories:{name}";
        if (name.Length is 0 or > MaxNameLength || name.Any(letter => !char.IsAsciiLetterOrDigit(letter) && letter is not ('-' or '.')))
        {
            yield return $"{setting} has a name that cannot be used: take 1 to {MaxNameLength} letters, digits, '-' and '.'.";
        }

        if (options.LockDays is < 0 or > MostLockDays)
        {
            yield return $"{setting}:LockDays '{options.LockDays}' is out of range: use 0 (new restore points are not locked) to {MostLockDays}.";
        }

        if (string.IsNullOrWhiteSpace(options.Path))
        {
            yield return $"{setting}:Path is not set: give the absolute directory of the repository.";
        }
        else if (!Path.IsPathFullyQualified(options.Path))
        {
            yield return $"{setting}:Path '{options.Path}' is relative: give the absolute directory, so that it does not depend on where the service starts.";
        }
    }

    private static IEnumerable<string> CollectionProblems(string name, RepositoryOptions options) =>
        options.GarbageCollection.Problems($"{Section}:Repositories:{name}:GarbageCollection");

    // Two names for one directory would be two writers; one inside the other would mix their files.
    private IEnumerable<string> SharedDirectories()
    {
        var located = Repositories
            .Where(entry => !string.IsNullOrWhiteSpace(entry.Value.Path) && Path.IsPathFullyQualified(entry.Value.Path))
            .Select(entry => (entry.Key, Directory: Path.TrimEndingDirectorySeparator(Path.GetFullPath(entry.Value.Path!)) + Path.DirectorySeparatorChar))
            .OrderBy(entry => entry.Directory, StringComparer.Ordinal)
            .ToList();
        foreach (var (first, second) in located.Zip(located.Skip(1)))
        {
            if (second.Directory.StartsWith(first.Directory, StringComparison.Ordinal))
            {
                yield return $"{Section}:Repositories:{second.Key}:Path '{second.Directory}' is the directory of '{first.Key}' or inside it: give each repository its own.";
            }
        }
    }
}
