// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api;

/// <summary>A refusal that reaches the client as a fault document.</summary>
internal sealed class ApiFault(int status, string reason, string? detail) : Exception(detail ?? reason)
{
    public int Status { get; } = status;

    public string Reason { get; } = reason;

    public string? Detail { get; } = detail;

    public WireNode ToNode() => new WireNode("fault").Add("detail", Detail).Add("reason", Reason);

    /// <summary>400 with the engine's bracketed message.</summary>
    public static ApiFault BadRequest(string message) => new(400, "Operation Failed", $"[{message}]");

    /// <summary>400 for a mandatory field that is missing, for example <c>Vm [name] required for add</c>.</summary>
    public static ApiFault Incomplete(string type, string fields, string operation) =>
        new(400, "Incomplete parameters", $"{type} [{fields}] required for {operation}");

    /// <summary>409: the entity is locked, busy or in the wrong state.</summary>
    public static ApiFault Conflict(string message) => new(409, "Operation Failed", $"[{message}]");

    /// <summary>500: what the engine answers for illegal disks and for its own errors.</summary>
    public static ApiFault Internal(string message) => new(500, "Operation Failed", $"[{message}]");

    public static ApiFault NotFound() => new(404, "Operation Failed", "[Entity not found]");

    /// <summary>404 without a body, as the engine answers for most missing entities.</summary>
    public static ApiFault Gone(string entity, object id) => new(404, "Operation Failed", $"Entity not found: {entity}: id={id}");
}
