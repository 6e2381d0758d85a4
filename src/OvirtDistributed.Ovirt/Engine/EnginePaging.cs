// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using OvirtDistributed.Ovirt.Engine.Wire;

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>Reads a searchable collection page by page.</summary>
internal static class EnginePaging
{
    /// <param name="http">The calls.</param>
    /// <param name="pageSize">Entities per page.</param>
    /// <param name="path">The collection, with whatever query it needs beside search and max.</param>
    /// <param name="search">Criteria, or null for all.</param>
    /// <param name="type">The list's type.</param>
    /// <param name="map">Element to model.</param>
    /// <param name="id">Identity of a model. Pages are stateless and may shift while entities come and go, so a repeated one is dropped.</param>
    /// <param name="cancellationToken">The caller's.</param>
    public static async IAsyncEnumerable<TModel> ListAsync<TDto, TModel>(
        EngineHttp http,
        int pageSize,
        string path,
        EngineSearch? search,
        JsonTypeInfo<WireList<TDto>> type,
        Func<TDto, TModel> map,
        Func<TModel, Guid> id,
        [EnumeratorCancellation] CancellationToken cancellationToken)
        where TDto : class
    {
        var seen = new HashSet<Guid>();
        for (var page = 1; ; page++)
        {
            var criteria = search is { Text.Length: > 0 } given ? given.Text + " " : string.Empty;
            var query = EngineQuery.With(path, ("search", $"{criteria}sortby name page {page}"), ("max", $"{pageSize}"));
            var models = await http.ListAsync(query, type, map, cancellationToken);
            var fresh = 0;
            foreach (var model in models)
            {
                if (seen.Add(id(model)))
                {
                    fresh++;
                    yield return model;
                }
            }

            // A page without news ends it too: an engine that ignores the page would answer the first one for ever.
            if (models.Count < pageSize || fresh == 0)
            {
                yield break;
            }
        }
    }
}
