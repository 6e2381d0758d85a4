// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api;

/// <summary>One request below the API's root, already read and authenticated.</summary>
internal sealed class ApiRequest
{
    private static readonly IReadOnlyDictionary<string, string?> NoQuery = new Dictionary<string, string?>();

    public required string Method { get; init; }

    /// <summary>Path below the root without parameters: <c>/vms/ID/nics</c>.</summary>
    public required string Path { get; init; }

    /// <summary>Query and matrix parameters by lower-case name.</summary>
    public IReadOnlyDictionary<string, string?> Query { get; init; } = NoQuery;

    /// <summary>The body; an empty element when there is none.</summary>
    public WireNode Body { get; init; } = new("empty");

    /// <summary>The body came as JSON, whose reader knows no mercy for fields it does not know.</summary>
    public bool BodyIsJson { get; init; }

    public required CommandScope Scope { get; init; }

    /// <summary>Header form of <c>all_content</c>.</summary>
    public bool AllContentHeader { get; init; }

    /// <summary>What the variable segments of the route matched.</summary>
    public IReadOnlyList<string> Captures { get; set; } = [];

    public bool AllContent => AllContentHeader || Flag("all_content");

    public bool CaseSensitive => Flag("case_sensitive");

    /// <summary>Negative means no limit.</summary>
    public int? Max
    {
        get
        {
            var text = Text("max");
            if (text is null)
            {
                return null;
            }

            return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var max)
                ? max
                : throw ApiFault.BadRequest($"Value '{text}' of 'max' is not an integer.");
        }
    }

    public string? Text(string name) => Query.GetValueOrDefault(name);

    /// <summary>A boolean parameter; present without a value counts as true.</summary>
    public bool Flag(string name, bool otherwise = false)
    {
        if (!Query.TryGetValue(name, out var text))
        {
            return otherwise;
        }

        return string.IsNullOrEmpty(text)
            || (WireValues.ParseFlag(text) ?? throw ApiFault.BadRequest($"Value '{text}' of '{name}' is not a boolean."));
    }

    /// <summary>The id in the path's variable segment number <paramref name="index"/>; what is no id does not exist.</summary>
    public Guid Id(int index) =>
        Guid.TryParse(Captures[index], out var id) ? id : throw ApiFault.Gone("resource", Captures[index]);
}
