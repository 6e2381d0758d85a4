// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Output;

namespace OvirtDistributed.Cli.Invocation;

/// <summary>The options that every command knows.</summary>
internal sealed class GlobalOptions
{
    public Option<string> Server { get; } = new("--server")
    {
        Description = "Address of the backup server, https://HOST:PORT [env: OVD_SERVER]",
        HelpName = "URL",
        Recursive = true,
    };

    public Option<string> TlsCertificate { get; } = new("--tls-cert")
    {
        Description = "PEM file with your certificate [env: OVD_TLS_CERT]",
        HelpName = "FILE",
        Recursive = true,
    };

    public Option<string> TlsKey { get; } = new("--tls-key")
    {
        Description = "PEM file with its private key [env: OVD_TLS_KEY]",
        HelpName = "FILE",
        Recursive = true,
    };

    public Option<string> TlsCa { get; } = new("--tls-ca")
    {
        Description = "PEM file with the CA of the installation [env: OVD_TLS_CA]",
        HelpName = "FILE",
        Recursive = true,
    };

    public Option<string> Timeout { get; } = new("--timeout")
    {
        Description = "Limit of one call to the server, such as 30s or 2m; default 60s [env: OVD_TIMEOUT]",
        HelpName = "TIME",
        Recursive = true,
    };

    public Option<string> Output { get; } = new("--output", "-o")
    {
        Description = "table (default) for people, json for programs",
        HelpName = "table|json",
        Recursive = true,
    };

    public Option<bool> NoColor { get; } = new("--no-color")
    {
        Description = "No colours and no live display [env: NO_COLOR]",
        Recursive = true,
    };

    public GlobalOptions() => Output.AcceptOnlyFromAmong("table", "json");

    /// <summary>The format as far as it can be told: also for a command line with errors, which must be reported in it.</summary>
    public OutputFormat FormatOf(ParseResult parse) =>
        parse.GetResult(Output) is { Tokens: [.., { Value: "json" }] } ? OutputFormat.Json : OutputFormat.Table;

    public bool IsColorOff(ParseResult parse) => parse.GetResult(NoColor) is { Implicit: false, Tokens: [] or [{ Value: not "false" }] };

    public IEnumerable<Option> All => [Server, TlsCertificate, TlsKey, TlsCa, Timeout, Output, NoColor];
}
