// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace OvirtDistributed.Simulator.Api;

/// <summary>The engine's single sign-on service: the OAuth password grant and the revocation of tokens.</summary>
internal sealed class SsoEndpoints(SessionStore sessions)
{
    private const string Scope = "ovirt-app-api";

    public async Task TokenAsync(HttpContext context)
    {
        var form = await ReadFormAsync(context);
        if (form is null)
        {
            await ErrorAsync(context, "invalid_request", "The request must be a POST with a form.");
            return;
        }

        var grant = form["grant_type"].ToString();
        if (grant != "password")
        {
            await ErrorAsync(context, grant.Length == 0 ? "invalid_request" : "unsupported_grant_type", $"Unsupported grant type '{grant}'.");
            return;
        }

        if (!form["scope"].ToString().Split(' ').Contains(Scope, StringComparer.Ordinal))
        {
            await ErrorAsync(context, "invalid_scope", $"The required scope '{Scope}' is missing.");
            return;
        }

        var user = form["username"].ToString();
        if (!sessions.Authenticates(user, form["password"].ToString()))
        {
            await ErrorAsync(context, "access_denied", $"Cannot authenticate user '{user}': The username or password is incorrect.");
            return;
        }

        await WriteAsync(context, 200, new Dictionary<string, string>
        {
            ["access_token"] = sessions.Create(user, null),
            ["scope"] = "ovirt-app-api ovirt-ext=token-info:validate ovirt-ext=token:password-access",
            ["exp"] = "9223372036854775807",
            ["token_type"] = "bearer",
        });
    }

    public async Task LogoutAsync(HttpContext context)
    {
        if (await ReadFormAsync(context) is { } form)
        {
            sessions.Remove(form["token"].ToString());
        }

        await WriteAsync(context, 200, []);
    }

    // The service does not insist on the content type: a body that is a form is read as one.
    private static async Task<IFormCollection?> ReadFormAsync(HttpContext context)
    {
        if (!HttpMethods.IsPost(context.Request.Method) || !context.Request.HasFormContentType)
        {
            return null;
        }

        return await context.Request.ReadFormAsync(context.RequestAborted);
    }

    private static Task ErrorAsync(HttpContext context, string code, string message) =>
        WriteAsync(context, 400, new Dictionary<string, string> { ["error_code"] = code, ["error"] = message });

    private static async Task WriteAsync(HttpContext context, int status, Dictionary<string, string> body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(body), context.RequestAborted);
    }
}
