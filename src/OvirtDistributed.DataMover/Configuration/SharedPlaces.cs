// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.DataMover.Configuration;

/// <summary>Finds repositories in one place: two names for it would be two writers; one inside the other would mix their files.</summary>
internal static class SharedPlaces
{
    public static IEnumerable<string> Problems(string section, Dictionary<string, RepositoryOptions> repositories)
    {
        var directories = repositories.SelectMany(entry => Directories(entry.Key, entry.Value));
        var buckets = repositories.Where(entry => entry.Value.S3 is not null).Select(entry => (Setting: $"{entry.Key}:S3:Prefix", Place: PlaceOf(entry.Value)));
        return Nested(section, directories).Concat(Nested(section, buckets));
    }

    private static IEnumerable<(string Setting, string Place)> Directories(string name, RepositoryOptions options)
    {
        foreach (var (setting, directory) in new[] { ("Path", options.Path), ("S3:CacheDirectory", options.S3?.CacheDirectory) })
        {
            if (!string.IsNullOrWhiteSpace(directory) && Path.IsPathFullyQualified(directory))
            {
                yield return ($"{name}:{setting}", Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)) + Path.DirectorySeparatorChar);
            }
        }
    }

    private static string PlaceOf(RepositoryOptions options)
    {
        var prefix = options.S3!.Prefix.TrimEnd('/');
        return $"{options.S3.Endpoint?.TrimEnd('/')}/{options.S3.Bucket}/{(prefix.Length == 0 ? "" : prefix + "/")}";
    }

    private static IEnumerable<string> Nested(string section, IEnumerable<(string Setting, string Place)> places)
    {
        var ordered = places.OrderBy(entry => entry.Place, StringComparer.Ordinal).ToList();
        foreach (var (first, second) in ordered.Zip(ordered.Skip(1)))
        {
            if (second.Place.StartsWith(first.Place, StringComparison.Ordinal))
            {
                yield return $"{section}:Repositories:{second.Setting} '{second.Place}' is the place of '{first.Setting.Split(':')[0]}' or inside it: give each repository its own.";
            }
        }
    }
}
