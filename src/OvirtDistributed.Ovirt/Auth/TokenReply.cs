// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.Auth;

/// <summary>Reads the token endpoint's answers.</summary>
internal static class TokenReply
{
    /// <summary>The token of a reply. Old engines wrap the object in an array of one; both forms are taken.</summary>
    /// <exception cref="OvirtException">Refused (<see cref="OvirtError.Unauthorized"/>), away, or not the token endpoint of an engine.</exception>
    public static Secret Read(int status, ReadOnlyMemory<byte> body)
    {
        string? token = null;
        string? code = null;
        string? description = null;
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            if (root.ValueKind == JsonValueKind.Array && root.GetArrayLength() > 0)
            {
                root = root[0];
            }

            if (root.ValueKind == JsonValueKind.Object)
            {
                token = Text(root, "access_token");
                code = Text(root, "error_code");
                description = Text(root, "error_description") ?? Text(root, "error");
                code ??= Text(root, "error");
            }
        }
        catch (JsonException exception)
        {
            throw Failure(status, code: null, description: null, exception);
        }
        catch (InvalidOperationException exception)
        {
            // A text that is not valid UTF-8.
            throw Failure(status, code: null, description: null, exception);
        }

        return code is null && status is >= 200 and < 300 && !string.IsNullOrEmpty(token)
            ? new Secret(token)
            : throw Failure(status, code, description, inner: null);
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static OvirtException Failure(int status, string? code, string? description, Exception? inner)
    {
        var said = description is null ? $"HTTP {status}" : $"HTTP {status}, {description}";
        var error = (code, status) switch
        {
            ("invalid_scope" or "invalid_request" or "unsupported_grant_type", _) => OvirtError.BadRequest,
            (_, 502 or 503) => OvirtError.EngineUnavailable,
            ("server_error", _) => OvirtError.EngineFailed,
            (not null, _) or (null, 401) => OvirtError.Unauthorized,
            (null, 403) => OvirtError.Forbidden,
            (null, 500) => OvirtError.EngineFailed,
            _ => OvirtError.InvalidResponse,
        };
        var advice = error switch
        {
            OvirtError.Unauthorized => "Check user, domain and password.",
            OvirtError.InvalidResponse => "Is the URL that of an oVirt, OLVM or RHV manager?",
            _ => "See the manager's engine.log.",
        };
        return new OvirtException(error, $"The manager gave no token ({said}). {advice}", inner)
        {
            HttpStatus = status,
            FaultReason = code,
            FaultDetail = description,
            Advice = error == OvirtError.EngineUnavailable ? RetryAdvice.WhenReachable : RetryAdvice.Never,
        };
    }
}
