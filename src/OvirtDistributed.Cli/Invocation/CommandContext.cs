// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Output;

namespace OvirtDistributed.Cli.Invocation;

/// <summary>What a command works with.</summary>
internal sealed class CommandContext(CliHost host, ParseResult parse, OutputWriter output, Func<ConnectionSettings> settings) : IDisposable
{
    private ConnectionSettings? _settings;
    private ServerConnection? _server;

    public CliHost Host { get; } = host;

    public ParseResult Parse { get; } = parse;

    public OutputWriter Output { get; } = output;

    public TimeProvider Time => Host.Time;

    public ConnectionSettings Settings => _settings ??= settings();

    /// <summary>The backup server.</summary>
    /// <exception cref="CliException">Nothing names one, or the certificate cannot be used.</exception>
    public ServerConnection Server => _server ??= ServerConnection.Create(Settings);

    /// <summary>The address in use, for messages; null before the first use.</summary>
    public string? Address => _server?.Address;

    public T? Value<T>(Option<T> option) => Parse.GetValue(option);

    /// <summary>Text of an option, empty when it was not given: what the protocol expects for "not set".</summary>
    public string Text(Option<string> option) => Parse.GetValue(option) ?? "";

    public T Value<T>(Argument<T> argument) => Parse.GetRequiredValue(argument);

    public void Dispose() => _server?.Dispose();
}
