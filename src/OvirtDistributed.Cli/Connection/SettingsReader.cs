// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Hosting.Tls;

namespace OvirtDistributed.Cli.Connection;

/// <summary>Puts the settings together: an option wins over the environment, the environment over the configuration file.</summary>
internal sealed class SettingsReader(CliHost host, GlobalOptions options)
{
    /// <exception cref="CliException">A value cannot be used; the message says where it comes from.</exception>
    public ConnectionSettings Read(ParseResult parse)
    {
        var file = ReadFile();
        var timeout = Value(parse, options.Timeout, "OVD_TIMEOUT", file, "timeout");
        return new ConnectionSettings
        {
            Server = Value(parse, options.Server, "OVD_SERVER", file, "server"),
            Tls = new TlsOptions
            {
                CertificateFile = Value(parse, options.TlsCertificate, "OVD_TLS_CERT", file, "tls_cert"),
                KeyFile = Value(parse, options.TlsKey, "OVD_TLS_KEY", file, "tls_key"),
                CaFile = Value(parse, options.TlsCa, "OVD_TLS_CA", file, "tls_ca"),
            },
            Timeout = timeout is null ? ConnectionSettings.DefaultTimeout : ParseTimeout(timeout),
        };
    }

    private IReadOnlyDictionary<string, string> ReadFile()
    {
        if (host.Environment("OVD_CONFIG") is { Length: > 0 } named)
        {
            return ConfigFile.Read(named, required: true);
        }

        var configuration = host.Environment("XDG_CONFIG_HOME") is { Length: > 0 } xdg ? xdg : Path.Combine(host.HomeDirectory, ".config");
        return ConfigFile.Read(Path.Combine(configuration, "ovd", "config.json"), required: false);
    }

    private string? Value(ParseResult parse, Option<string> option, string variable, IReadOnlyDictionary<string, string> file, string key)
    {
        if (parse.GetValue(option) is { Length: > 0 } given)
        {
            return given;
        }

        return host.Environment(variable) is { Length: > 0 } set ? set : file.GetValueOrDefault(key);
    }

    private static TimeSpan ParseTimeout(string text) =>
        DurationText.TryParse(text, out var timeout) && timeout > TimeSpan.Zero && timeout <= TimeSpan.FromDays(1)
            ? timeout
            : throw CliException.Invalid($"timeout '{text}' cannot be used: write a time such as 30s, 2m or 1h, at most one day.");
}
