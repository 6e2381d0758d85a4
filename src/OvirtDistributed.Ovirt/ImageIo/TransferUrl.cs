// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics.CodeAnalysis;

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>The URL of an image transfer. It is a credential: whoever knows it reads or writes the disk, so its text never shows in logs.</summary>
public sealed class TransferUrl : IEquatable<TransferUrl>
{
    private readonly Uri _url;

    private TransferUrl(Uri url)
    {
        _url = url;
    }

    public string Host => _url.IdnHost;

    public int Port => _url.Port;

    internal Uri Uri => _url;

    /// <exception cref="FormatException">Not an absolute http(s) URL with a path. The message does not repeat the text.</exception>
    public static TransferUrl Parse(string text) =>
        TryParse(text, out var url)
            ? url
            : throw new FormatException("A transfer URL must be an absolute https URL such as https://HOST:54322/images/TICKET.");

    public static bool TryParse(string? text, [NotNullWhen(true)] out TransferUrl? url)
    {
        url = null;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var parsed)
            || (parsed.Scheme != Uri.UriSchemeHttps && parsed.Scheme != Uri.UriSchemeHttp)
            || parsed.Host.Length == 0
            || parsed.AbsolutePath.Length <= 1
            || parsed.Query.Length > 0
            || parsed.Fragment.Length > 0)
        {
            return false;
        }

        url = new TransferUrl(parsed);
        return true;
    }

    /// <summary>The full text, for the message to the worker only.</summary>
    public string Reveal() => _url.OriginalString;

    public bool Equals(TransferUrl? other) => other is not null && _url == other._url;

    public override bool Equals(object? obj) => Equals(obj as TransferUrl);

    public override int GetHashCode() => _url.GetHashCode();

    /// <summary>Host and port only.</summary>
    public override string ToString() => $"{_url.Scheme}://{_url.Authority}/***";
}
