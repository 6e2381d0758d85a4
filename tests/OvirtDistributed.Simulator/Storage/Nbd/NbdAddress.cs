// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Storage.Nbd;

/// <summary>Where an NBD export is: a unix socket and an export name. Text form as in imageio tickets: <c>nbd:unix:/path[:exportname=NAME]</c>.</summary>
public sealed record NbdAddress(string SocketPath, string ExportName)
{
    private const string Prefix = "nbd:unix:";
    private const string NameMark = ":exportname=";

    /// <exception cref="FormatException">The text is no unix socket NBD address.</exception>
    public static NbdAddress Parse(string url)
    {
        if (!url.StartsWith(Prefix, StringComparison.Ordinal))
        {
            throw new FormatException($"'{url}' is no NBD address of the form nbd:unix:/path:exportname=NAME.");
        }

        var rest = url[Prefix.Length..];
        var mark = rest.IndexOf(NameMark, StringComparison.Ordinal);
        return mark < 0 ? new NbdAddress(rest, string.Empty) : new NbdAddress(rest[..mark], rest[(mark + NameMark.Length)..]);
    }

    public override string ToString() => ExportName.Length == 0 ? Prefix + SocketPath : Prefix + SocketPath + NameMark + ExportName;
}
