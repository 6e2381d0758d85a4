// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>One logical call; it may be sent several times, always with the same correlation id.</summary>
internal sealed record EngineRequest
{
    public required HttpMethod Method { get; init; }

    /// <summary>Path below the API root, with query.</summary>
    public required string Path { get; init; }

    public JsonObject? Body { get; init; }

    /// <summary>Whether sending it twice does what sending it once does.</summary>
    public required bool Idempotent { get; init; }

    public CorrelationId Correlation { get; init; } = CorrelationId.New();

    public FaultScope Scope { get; init; }

    /// <summary>Whether 404 is an expected answer, returned instead of thrown.</summary>
    public bool MissingIsExpected { get; init; }

    public static EngineRequest Get(string path) => new() { Method = HttpMethod.Get, Path = path, Idempotent = true };

    /// <summary>A GET whose 404 is an answer.</summary>
    public static EngineRequest Find(string path) => Get(path) with { MissingIsExpected = true };

    public static EngineRequest Post(string path, JsonObject body, CorrelationId correlation) =>
        new() { Method = HttpMethod.Post, Path = path, Body = body, Idempotent = false, Correlation = correlation };

    public static EngineRequest Put(string path, JsonObject body, CorrelationId correlation) =>
        new() { Method = HttpMethod.Put, Path = path, Body = body, Idempotent = true, Correlation = correlation };

    /// <summary>A delete whose 404 means that it is done.</summary>
    public static EngineRequest Delete(string path, CorrelationId correlation) =>
        new() { Method = HttpMethod.Delete, Path = path, Idempotent = true, MissingIsExpected = true, Correlation = correlation };
}
