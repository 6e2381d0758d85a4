// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Http;
using OvirtDistributed.Tests.Shared;

namespace OvirtDistributed.Tests.Ovirt.Support;

/// <summary>One answer of a scripted server.</summary>
internal sealed record Answer(int Status, string Body, string ContentType)
{
    /// <summary>Close the connection instead of answering; the request has been taken.</summary>
    public bool Drop { get; init; }

    /// <summary>Never answer; the client has to give up.</summary>
    public bool Hang { get; init; }

    public static Answer Dropped { get; } = new(200, string.Empty, "text/plain") { Drop = true };

    public static Answer Hung { get; } = new(200, string.Empty, "text/plain") { Hang = true };

    public static Answer NotFound { get; } = new(404, string.Empty, "text/plain");

    public static Answer Json(string json, int status = 200) => new(status, json, "application/json");

    public static Answer Fault(int status, string detail, string reason = "Operation Failed") =>
        Json($$"""{"reason":"{{reason}}","detail":"{{detail}}"}""", status);

    public static Answer Html(int status) => new(status, "<html><body>Service Temporarily Unavailable</body></html>", "text/html");

    public async Task WriteAsync(HttpContext context)
    {
        if (Drop)
        {
            context.Abort();
            return;
        }

        if (Hang)
        {
            await context.WaitForClientToCloseAsync();
        }

        context.Response.StatusCode = Status;
        context.Response.ContentType = ContentType;
        await context.Response.WriteAsync(Body, context.RequestAborted);
    }
}
