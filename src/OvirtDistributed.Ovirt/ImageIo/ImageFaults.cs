// SPDX-License-Identifier: Apache-2.0

using System.Security.Authentication;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>From failures of the ImageIO connection to this library's errors.</summary>
internal static class ImageFaults
{
    /// <param name="status">HTTP status.</param>
    /// <param name="text">The daemon's one-line answer; it never holds the ticket after <see cref="Redact"/>.</param>
    /// <param name="endpoint">Host and port.</param>
    /// <param name="what">What was asked.</param>
    public static OvirtException FromStatus(int status, string text, string endpoint, string what)
    {
        var error = status switch
        {
            401 or 403 => OvirtError.TicketRefused,
            404 or 405 => OvirtError.Unsupported,
            416 => OvirtError.RangeRefused,
            400 or 409 or 411 or 413 or 414 => OvirtError.BadRequest,
            >= 500 and < 600 => OvirtError.ImageFailed,
            _ => OvirtError.InvalidResponse,
        };
        return new OvirtException(error, $"ImageIO at {endpoint} answered {what} with HTTP {status}{(text.Length > 0 ? ": " + text.TrimEnd('.') : string.Empty)}.") { HttpStatus = status };
    }

    /// <summary>Null when the failure is a connection that broke and may be made anew.</summary>
    public static OvirtException? FromConnect(HttpRequestException exception, string endpoint)
    {
        for (Exception? inner = exception; inner is not null; inner = inner.InnerException)
        {
            if (inner is AuthenticationException)
            {
                return new OvirtException(
                    OvirtError.TlsUntrusted,
                    $"The certificate of ImageIO at {endpoint} is not trusted: {inner.Message} Check the pinned CA, and whether the host is registered under the name in its certificate.",
                    exception);
            }
        }

        return exception.HttpRequestError switch
        {
            HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError =>
                Unreachable(endpoint, exception.GetBaseException().Message, exception),
            HttpRequestError.InvalidResponse or HttpRequestError.HttpProtocolError or HttpRequestError.ConfigurationLimitExceeded =>
                new OvirtException(OvirtError.InvalidResponse, $"ImageIO at {endpoint} does not speak HTTP as expected: {exception.Message}", exception),
            _ => null,
        };
    }

    public static OvirtException Unreachable(string endpoint, string reason, Exception exception) =>
        new(OvirtError.ImageUnreachable, $"ImageIO at {endpoint} cannot be reached: {reason}", exception);

    /// <summary>Cuts the daemon's text to one short line without UUIDs: it may repeat the ticket.</summary>
    public static string Redact(string text)
    {
        var line = text.AsSpan().Trim();
        var end = line.IndexOfAny('\r', '\n');
        var words = (end >= 0 ? line[..end] : line).ToString().Split(' ', 40);
        for (var index = 0; index < words.Length; index++)
        {
            if (words[index].Length >= 32)
            {
                words[index] = "***";
            }
        }

        return string.Join(' ', words.Take(39));
    }
}
