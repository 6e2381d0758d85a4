// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace OvirtDistributed.Simulator.Api;

/// <summary>Who a request comes from: bearer token, basic authentication, or a persistent session.</summary>
internal sealed class ApiAuthentication(SessionStore sessions)
{
    private const string CookieName = "JSESSIONID";

    /// <summary>The user, or null: then the request is to be answered with 401. May set the session's cookie.</summary>
    public string? Authenticate(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        if (header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            return sessions.Use(header["Bearer ".Length..].Trim());
        }

        if (header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            return Basic(context, header["Basic ".Length..].Trim());
        }

        return Cookie(context);
    }

    private static bool IsPersistent(HttpContext context) =>
        context.Request.Headers["Prefer"].ToString().Split(',', StringSplitOptions.TrimEntries)
            .Contains("persistent-auth", StringComparer.OrdinalIgnoreCase);

    private string? Basic(HttpContext context, string credentials)
    {
        string text;
        try
        {
            text = Encoding.UTF8.GetString(Convert.FromBase64String(credentials));
        }
        catch (FormatException)
        {
            return null;
        }

        var colon = text.IndexOf(':');
        if (colon < 0 || !sessions.Authenticates(text[..colon], text[(colon + 1)..]))
        {
            return null;
        }

        var user = text[..colon];
        if (IsPersistent(context))
        {
            var minutes = int.TryParse(context.Request.Headers["Session-TTL"], NumberStyles.None, CultureInfo.InvariantCulture, out var ttl)
                ? TimeSpan.FromMinutes(ttl)
                : (TimeSpan?)null;
            context.Response.Cookies.Append(
                CookieName, sessions.Create(user, minutes), new CookieOptions { Path = "/ovirt-engine/api", Secure = true, HttpOnly = true });
        }

        return user;
    }

    private string? Cookie(HttpContext context)
    {
        if (!context.Request.Cookies.TryGetValue(CookieName, out var key))
        {
            return null;
        }

        var user = sessions.Use(key);
        if (!IsPersistent(context))
        {
            // A request without the preference is the session's last.
            sessions.Remove(key);
        }

        return user;
    }
}
