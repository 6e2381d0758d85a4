// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics.CodeAnalysis;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Tests.Shared;

namespace OvirtDistributed.Tests.Cli.Fakes;

/// <summary>One invocation of <c>ovd</c> with captured streams.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The writers hold text in memory and nothing to release.")]
internal sealed class CliRun
{
    private readonly LineSignalingWriter _out = new();
    private readonly LineSignalingWriter _error = new();

    public ManualTimeProvider Time { get; init; } = new();

    public Dictionary<string, string> Environment { get; } = [];

    public string Input { get; init; } = "";

    /// <summary>What is typed at a prompt without echo.</summary>
    public string? Secret { get; init; }

    public bool Terminal { get; init; }

    public bool InputIsTerminal { get; init; }

    public string HomeDirectory { get; init; } = "/nonexistent";

    public List<string> SecretPrompts { get; } = [];

    public string Out => _out.ToString();

    public string Error => _error.ToString();

    public static async Task<CliRun> OvdAsync(FakeBackupServer server, params string[] args)
    {
        var run = new CliRun();
        run.ExitCode = await run.RunAsync(server.Address, CancellationToken.None, args);
        return run;
    }

    public int ExitCode { get; private set; } = -1;

    public async Task<int> RunAsync(string? server, CancellationToken interrupted, params string[] args)
    {
        if (server is not null)
        {
            Environment["OVD_SERVER"] = server;
        }

        using var input = new StringReader(Input);
        ExitCode = await CliApplication.RunAsync(args, Host(input), interrupted).WithinDeadline();
        return ExitCode;
    }

    /// <summary>The surroundings that a run has.</summary>
    public CliHost Host(TextReader input) => new()
    {
        Out = _out,
        Error = _error,
        In = input,
        Environment = name => Environment.GetValueOrDefault(name),
        HomeDirectory = HomeDirectory,
        Time = Time,
        OutputIsTerminal = Terminal,
        InputIsTerminal = InputIsTerminal,
        ReadSecretAsync = (prompt, _) =>
        {
            SecretPrompts.Add(prompt);
            return Task.FromResult(Secret);
        },
    };

    /// <summary>Waits until standard output holds a text.</summary>
    public Task OutContainsAsync(string text) => _out.ContainsAsync(text).WithinDeadline();
}
