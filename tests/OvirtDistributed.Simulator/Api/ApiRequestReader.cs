// SPDX-License-Identifier: Apache-2.0

using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api;

/// <summary>Reads what a request to the API means from its headers, path and body.</summary>
internal static partial class ApiRequestReader
{
    private const int CorrelationIdLength = 36;

    /// <summary>JSON only when asked for before XML; XML otherwise.</summary>
    public static bool WantsJson(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var accepted))
        {
            return false;
        }

        foreach (var type in accepted.OrderByDescending(t => t.Quality ?? 1))
        {
            if (type.SubType.Equals("json", StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }

            if (type.SubType.Equals("xml", StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>The client's id without characters the engine drops, or a new one.</summary>
    public static string CorrelationId(HttpRequest request)
    {
        var given = request.Headers["Correlation-Id"].ToString();
        if (given.Length == 0)
        {
            given = request.Query["correlation_id"].ToString();
        }

        var kept = ForbiddenInCorrelationId().Replace(given, string.Empty);
        return kept.Length switch
        {
            0 => Guid.NewGuid().ToString(),
            > CorrelationIdLength => kept[..CorrelationIdLength],
            _ => kept,
        };
    }

    /// <summary>The path below the API's root without version prefix and matrix parameters; null for a version that does not exist.</summary>
    public static string? PathOf(HttpRequest request)
    {
        var path = request.Path.Value![ApiPaths.Root.Length..];
        var version = VersionPrefix().Match(path);
        if (version.Success)
        {
            path = path[version.Length..];
        }

        var wanted = version.Success ? version.Groups[1].Value : request.Headers["Version"].ToString();
        if (wanted is not ("" or "4"))
        {
            return null;
        }

        var segments = path.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(s => s.Split(';')[0]);
        return "/" + string.Join('/', segments);
    }

    /// <exception cref="FormatException">The body is neither XML nor JSON of the announced kind.</exception>
    public static async Task<ApiRequest> ReadAsync(HttpContext context, string path, CommandScope scope)
    {
        var request = context.Request;
        return new ApiRequest
        {
            Method = HttpMethods.IsHead(request.Method) ? "GET" : request.Method,
            Path = path,
            Query = Parameters(request),
            Body = await BodyAsync(context),
            BodyIsJson = MediaTypeHeaderValue.TryParse(request.ContentType, out var type) && type.SubType.Equals("json", StringComparison.OrdinalIgnoreCase),
            Scope = scope,
            AllContentHeader = WireValues.ParseFlag(request.Headers["All-Content"].ToString()) ?? false,
        };
    }

    private static Dictionary<string, string?> Parameters(HttpRequest request)
    {
        var parameters = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var matrix in request.Path.Value!.Split(';').Skip(1))
        {
            var pair = matrix.Split('/')[0].Split('=', 2);
            parameters[pair[0]] = pair.Length > 1 ? pair[1] : null;
        }

        foreach (var (name, value) in request.Query)
        {
            parameters[name] = value.ToString();
        }

        return parameters;
    }

    private static async Task<WireNode> BodyAsync(HttpContext context)
    {
        using var buffer = new MemoryStream();
        await context.Request.Body.CopyToAsync(buffer, context.RequestAborted);
        if (buffer.Length == 0)
        {
            return new WireNode("empty");
        }

        var bytes = buffer.ToArray();
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type))
        {
            throw new ApiFault(415, "Operation Failed", "[The request has a body but no Content-Type]");
        }

        return type.SubType.Value?.ToLowerInvariant() switch
        {
            "json" => JsonWire.Read(bytes, "body"),
            "xml" => XmlWire.Read(new MemoryStream(bytes)),
            _ => throw new ApiFault(415, "Operation Failed", $"[Content-Type {type} is not supported; use application/xml or application/json]"),
        };
    }

    [GeneratedRegex("[^0-9a-zA-Z_-]")]
    private static partial Regex ForbiddenInCorrelationId();

    [GeneratedRegex(@"^/v(\d+)(?=/|$)")]
    private static partial Regex VersionPrefix();
}
