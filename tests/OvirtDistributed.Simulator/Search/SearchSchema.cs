// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace OvirtDistributed.Simulator.Search;

/// <summary>The fields of one kind of entity, and the evaluation of queries over it.</summary>
internal sealed class SearchSchema<T>
{
    private readonly Dictionary<string, Func<T, IEnumerable<string?>>> _fields = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Adds a field with one value, under one or more names.</summary>
    public SearchSchema<T> Field(Func<T, string?> value, params string[] names) => Field(e => [value(e)], names);

    /// <summary>Adds a field with several values; a comparison holds when one of them fulfils it.</summary>
    public SearchSchema<T> Field(Func<T, IEnumerable<string?>> values, params string[] names)
    {
        foreach (var name in names)
        {
            _fields.Add(name, values);
        }

        return this;
    }

    public SearchSchema<T> Number(Func<T, long?> value, params string[] names) =>
        Field(e => value(e)?.ToString(CultureInfo.InvariantCulture), names);

    public SearchSchema<T> Date(Func<T, DateTimeOffset?> value, params string[] names) =>
        Field(e => value(e)?.UtcDateTime.ToString("O", CultureInfo.InvariantCulture), names);

    /// <summary>The entities that fulfil the query, in its order, and only its page when it names one.</summary>
    /// <exception cref="SearchException">The query names an unknown field.</exception>
    public IReadOnlyList<T> Apply(IEnumerable<T> entities, SearchQuery query, bool caseSensitive, int? max)
    {
        if (query.Criteria is { } criteria)
        {
            Check(criteria);
            entities = entities.Where(e => Holds(e, criteria, caseSensitive)).ToList();
        }

        if (query.SortBy is { } field)
        {
            var values = Values(field);
            var comparer = Comparer<string?>.Create(Compare);
            entities = query.Descending
                ? entities.OrderByDescending(e => values(e).FirstOrDefault(), comparer)
                : entities.OrderBy(e => values(e).FirstOrDefault(), comparer);
        }

        if (query.Page is { } page)
        {
            // 100 is the engine's page size when the request does not say one.
            var size = max is > 0 ? max.Value : 100;
            return [.. entities.Skip((page - 1) * size).Take(size)];
        }

        return max is { } limit && limit >= 0 ? [.. entities.Take(limit)] : [.. entities];
    }

    private static int Compare(string? left, string? right)
    {
        if (TryNumber(left, out var a) && TryNumber(right, out var b))
        {
            return a.CompareTo(b);
        }

        if (TryDate(left, out var from) && TryDate(right, out var to))
        {
            return from.CompareTo(to);
        }

        return string.Compare(left, right, StringComparison.OrdinalIgnoreCase);
    }

    private static bool TryNumber(string? text, out decimal number) =>
        decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);

    private static bool TryDate(string? text, out DateTimeOffset date) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out date);

    private static bool IsLike(string value, string pattern, bool caseSensitive)
    {
        if (!pattern.Contains('*'))
        {
            return value.Equals(pattern, caseSensitive ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase);
        }

        var regex = new StringBuilder(@"\A").AppendJoin(".*", pattern.Split('*').Select(Regex.Escape)).Append(@"\z");
        var options = RegexOptions.Singleline | RegexOptions.NonBacktracking | (caseSensitive ? RegexOptions.None : RegexOptions.IgnoreCase);
        return Regex.IsMatch(value, regex.ToString(), options);
    }

    private static bool Fulfils(string? value, string op, string wanted, bool caseSensitive)
    {
        if (value is null)
        {
            return op == "!=";
        }

        return op switch
        {
            "=" => IsLike(value, wanted, caseSensitive),
            "!=" => !IsLike(value, wanted, caseSensitive),
            ">" => Compare(value, wanted) > 0,
            "<" => Compare(value, wanted) < 0,
            ">=" => Compare(value, wanted) >= 0,
            "<=" => Compare(value, wanted) <= 0,
            _ => throw new SearchException($"Unknown operator '{op}'."),
        };
    }

    // The whole query is checked before an entity is looked at: an unknown field is an error on an empty collection too.
    private void Check(SearchTerm term)
    {
        switch (term)
        {
            case SearchJunction junction:
                Check(junction.Left);
                Check(junction.Right);
                break;
            case SearchComparison { Field: { } field }:
                Values(field);
                break;
        }
    }

    private bool Holds(T entity, SearchTerm term, bool caseSensitive) => term switch
    {
        SearchJunction { IsAnd: true } both => Holds(entity, both.Left, caseSensitive) && Holds(entity, both.Right, caseSensitive),
        SearchJunction either => Holds(entity, either.Left, caseSensitive) || Holds(entity, either.Right, caseSensitive),
        SearchComparison { Field: null } free => _fields.Values.Any(
            values => values(entity).Any(v => v is not null && IsLike(v, $"*{free.Value}*", caseSensitive))),
        SearchComparison { Operator: "!=" } not => Values(not.Field!)(entity).DefaultIfEmpty()
            .All(v => Fulfils(v, "!=", not.Value, caseSensitive)),
        SearchComparison compare => Values(compare.Field!)(entity).Any(
            v => Fulfils(v, compare.Operator, compare.Value, caseSensitive)),
        _ => throw new SearchException("Unknown term."),
    };

    private Func<T, IEnumerable<string?>> Values(string field) =>
        _fields.TryGetValue(field, out var values) ? values : throw new SearchException($"Unknown field '{field}'.");
}
