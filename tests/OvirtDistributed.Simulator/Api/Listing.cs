// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Search;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api;

/// <summary>Collections in replies.</summary>
internal static class Listing
{
    /// <summary>A searchable collection.</summary>
    public static ApiReply Search<T>(
        ApiRequest request, string list, IEnumerable<T> entities, SearchSchema<T> schema, Func<T, WireNode> render)
    {
        try
        {
            var query = SearchParser.Parse(request.Text("search"));
            return Plain(list, schema.Apply(entities, query, request.CaseSensitive, request.Max), render);
        }
        catch (SearchException e)
        {
            throw ApiFault.BadRequest($"Invalid search '{request.Text("search")}': {e.Message}");
        }
    }

    /// <summary>A collection that ignores <c>search</c>, as the engine's sub-collections do, and knows <c>max</c>.</summary>
    public static ApiReply All<T>(ApiRequest request, string list, IEnumerable<T> entities, Func<T, WireNode> render) =>
        Plain(list, request.Max is { } max && max >= 0 ? entities.Take(max) : entities, render);

    private static ApiReply Plain<T>(string list, IEnumerable<T> entities, Func<T, WireNode> render) =>
        ApiReply.Ok(new WireNode(list, WireKind.List).AddAll(entities.Select(render)));
}
