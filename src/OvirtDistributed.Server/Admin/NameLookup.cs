// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.Server.Admin;

/// <summary>Finds the one thing an operator means by a name or an id, or says what it could have been.</summary>
internal static class NameLookup
{
    private const int Suggestions = 5;
    private const int MostNames = 20;
    private const string DiskOf = "disk in restore point ";

    /// <param name="candidates">All there are.</param>
    /// <param name="field">The request's field, for messages.</param>
    /// <param name="what">The kind of thing, for messages.</param>
    /// <param name="text">Name or id; empty is fine while there is one candidate.</param>
    /// <param name="name">A candidate's name.</param>
    /// <param name="id">A candidate's id.</param>
    /// <exception cref="OperatorException">None, or several.</exception>
    public static T Resolve<T>(IReadOnlyList<T> candidates, string field, string what, string text, Func<T, string> name, Func<T, Guid> id)
    {
        if (text.Length == 0)
        {
            return candidates.Count switch
            {
                1 => candidates[0],
                0 => throw NotFound(field, $"{field} is needed, and there is no {what} yet{(what is "manager" or "repository" ? $" (ovd {what} add)" : "")}."),
                _ => throw OperatorException.Invalid(field, text, $"there are {candidates.Count} {Several(what)}: {Names(candidates.Select(name))}."),
            };
        }

        if (Guid.TryParse(text, out var wanted) && candidates.Where(candidate => id(candidate) == wanted).Take(1).ToList() is [var exact])
        {
            return exact;
        }

        // The exact spelling wins over the same name in other letters.
        var named = candidates.Where(candidate => name(candidate) == text).ToList();
        if (named.Count == 0)
        {
            named = [.. candidates.Where(candidate => string.Equals(name(candidate), text, StringComparison.OrdinalIgnoreCase))];
        }

        return named.Count switch
        {
            1 => named[0],
            0 => throw NotFound(field, $"{field} '{text}': there is no such {what}.{Near(text, candidates.Select(name))}{Known(what, " ", " shows all.")}"),
            _ => throw OperatorException.Invalid(
                field, text, $"{named.Count} have this name, use an id: {string.Join(", ", named.Select(candidate => $"{name(candidate)} ({id(candidate)})"))}."),
        };
    }

    /// <summary>The candidate whose id starts with the text; ids are compared without hyphens.</summary>
    /// <exception cref="OperatorException">None, or several.</exception>
    public static T ResolvePrefix<T>(IReadOnlyList<T> candidates, string field, string what, string text, Func<T, string> id) => candidates switch
    {
        [var only] => only,
        [] => throw NotFound(field, $"{field} '{text}': there is no such {what}.{Known(what, " ", " shows all.")}"),
        _ => throw OperatorException.Invalid(field, text, $"several begin like this, write more of it: {Names(candidates.Select(id))}."),
    };

    /// <summary>The command that lists what there is, between two texts; nothing where there is none.</summary>
    private static string Known(string what, string before, string after)
    {
        var command = what switch
        {
            "VM" => "ovd vm list",
            "manager" => "ovd manager list",
            "repository" => "ovd repository list",
            "retention policy" => "ovd retention list",
            "job" => "ovd job list",
            "restore point" => "ovd point list",
            "tag" => "ovd vm list -o json",
            _ when what.StartsWith(DiskOf, StringComparison.Ordinal) => $"ovd point show {what[DiskOf.Length..]}",
            "cluster" or "vNIC profile or network" => "ovd manager inventory",
            _ when what.StartsWith("data domain", StringComparison.Ordinal) => "ovd manager inventory",
            _ => "",
        };
        return command.Length > 0 ? before + command + after : "";
    }

    private static OperatorException NotFound(string field, string message) => new(FailureKind.NotFound, message) { Fields = [field] };

    /// <summary>"disk in restore point X" is of several disks; "repository" of repositories.</summary>
    private static string Several(string what)
    {
        var noun = what.Split([" in ", " for ", " or "], StringSplitOptions.None)[0];
        return (noun.EndsWith('y') ? $"{noun[..^1]}ies" : $"{noun}s") + what[noun.Length..];
    }

    /// <summary>" Did you mean …?", or nothing.</summary>
    public static string Near(string text, IEnumerable<string> names)
    {
        var limit = Math.Max(2, text.Length / 3);
        var near = names.Distinct()
            .Select(name => (Name: name, Distance: Distance(text.ToUpperInvariant(), name.ToUpperInvariant())))
            .Where(pair => pair.Distance <= limit || pair.Name.Contains(text, StringComparison.OrdinalIgnoreCase))
            .OrderBy(pair => pair.Distance)
            .ThenBy(pair => pair.Name, StringComparer.Ordinal)
            .Take(Suggestions)
            .Select(pair => pair.Name)
            .ToList();
        return near.Count == 0 ? "" : $" Did you mean: {string.Join(", ", near)}?";
    }

    private static string Names(IEnumerable<string> names)
    {
        var all = names.Order(StringComparer.Ordinal).ToList();
        return string.Join(", ", all.Take(MostNames)) + (all.Count > MostNames ? $" and {all.Count - MostNames} more" : "");
    }

    /// <summary>Levenshtein distance.</summary>
    private static int Distance(string left, string right)
    {
        var previous = Enumerable.Range(0, right.Length + 1).ToArray();
        var current = new int[right.Length + 1];
        for (var i = 1; i <= left.Length; i++)
        {
            current[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var substitution = previous[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
                current[j] = Math.Min(Math.Min(current[j - 1], previous[j]) + 1, substitution);
            }

            (previous, current) = (current, previous);
        }

        return previous[right.Length];
    }
}
