// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Search;

/// <summary>A parsed search: <c>(criteria) [sortby field asc|desc] [page N]</c>.</summary>
internal sealed record SearchQuery(SearchTerm? Criteria, string? SortBy, bool Descending, int? Page)
{
    public static SearchQuery Empty { get; } = new(null, null, false, null);
}

/// <summary>A node of the criteria.</summary>
internal abstract record SearchTerm;

/// <summary><c>left and right</c> or <c>left or right</c>.</summary>
internal sealed record SearchJunction(bool IsAnd, SearchTerm Left, SearchTerm Right) : SearchTerm;

/// <summary><c>field op value</c>; without a field the value is looked for in every text of the entity.</summary>
internal sealed record SearchComparison(string? Field, string Operator, string Value) : SearchTerm;

/// <summary>The query does not follow the grammar or names an unknown field.</summary>
internal sealed class SearchException(string message) : Exception(message);
