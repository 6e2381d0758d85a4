// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Http;
using OvirtDistributed.Simulator.Admin;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api;

/// <summary>Sends a request to the service its path names.</summary>
internal sealed class FrontDoor(ApiEndpoint api, SsoEndpoints sso, PkiEndpoint pki, AdminEndpoint admin, FaultGate faults)
{
    private const string Engine = "/ovirt-engine";

    public Task HandleAsync(HttpContext context)
    {
        var path = context.Request.Path;
        if (path.StartsWithSegments(ApiPaths.Root) || path.Value!.StartsWith($"{ApiPaths.Root};", StringComparison.Ordinal))
        {
            return api.HandleAsync(context);
        }

        return path.Value switch
        {
            $"{Engine}/sso/oauth/token" => GuardedAsync(context, sso.TokenAsync),
            $"{Engine}/services/sso-logout" => GuardedAsync(context, sso.LogoutAsync),
            $"{Engine}/services/pki-resource" => GuardedAsync(context, pki.HandleAsync),
            $"{Engine}/services/health" => GuardedAsync(context, c => c.Response.WriteAsync("DB Up!Welcome to Health Status!", c.RequestAborted)),
            { } other when other.StartsWith("/simulator", StringComparison.Ordinal) => admin.HandleAsync(context),
            _ => NotFoundAsync(context),
        };
    }

    private static Task NotFoundAsync(HttpContext context)
    {
        context.Response.StatusCode = 404;
        context.Response.ContentType = "text/html;charset=UTF-8";
        return context.Response.WriteAsync("<html><body>Not Found</body></html>", context.RequestAborted);
    }

    /// <summary>Services beside the API take part in faults too, under their path below <c>/ovirt-engine</c>.</summary>
    private async Task GuardedAsync(HttpContext context, Func<HttpContext, Task> handler)
    {
        try
        {
            var path = context.Request.Path.Value![Engine.Length..];
            var (answer, _) = await faults.PassAsync(context, FaultMoment.BeforeHandling, path, json: true);
            if (answer is null)
            {
                await handler(context);
                return;
            }

            context.Response.StatusCode = answer.Status;
            context.Response.ContentType = answer.ContentType;
            await context.Response.Body.WriteAsync(answer.Body, context.RequestAborted);
        }
        catch (FaultGate.ConnectionDropped)
        {
            // Nobody is left to answer.
        }
    }
}
