// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Builder;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Listening;

namespace OvirtDistributed.Hosting.Configuration;

/// <summary>A service as a program: what it answers on a command line, and with which code it ends.</summary>
/// <param name="Name">Of the program.</param>
/// <param name="Usage">For <c>--help</c>.</param>
/// <param name="Commands">Words that it knows besides settings; the caller carries them out before.</param>
public sealed record ServiceProgram(string Name, string Usage, IReadOnlyList<string> Commands)
{
    /// <summary>It ended because of something outside: a port, a database, a broker.</summary>
    public const int Failed = 1;

    /// <summary>Its command line or configuration cannot be used.</summary>
    public const int Unusable = 2;

    /// <summary>Runs the service until it is told to end. What goes wrong becomes one sentence; the log has the details.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="build">Makes it; throws <see cref="OperatorException"/> or <see cref="InvalidOperationException"/> for a wrong setting.</param>
    /// <param name="output">What was asked for.</param>
    /// <param name="error">What went wrong.</param>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(string[] args, Func<string[], WebApplication> build, TextWriter output, TextWriter error)
    {
        if (args is ["--help" or "-h" or "-?" or "help", ..])
        {
            await output.WriteLineAsync(Usage);
            return 0;
        }

        if (args is [var word, ..] && !word.StartsWith('-') && !word.Contains('=', StringComparison.Ordinal))
        {
            var commands = Commands.Count == 0 ? "It has no commands" : $"Its commands: {string.Join(", ", Commands)}";
            await error.WriteLineAsync($"'{word}' is no command of {Name}. {commands}; settings are written --Section:Key=value, see {Name} --help.");
            return Unusable;
        }

        WebApplication application;
        try
        {
            application = build(args);
        }
        catch (Exception failure) when (failure is OperatorException or InvalidOperationException)
        {
            await error.WriteLineAsync(failure.Message);
            return Unusable;
        }

        return await RunAsync(application, output, error);
    }

    private async Task<int> RunAsync(WebApplication application, TextWriter output, TextWriter error)
    {
        try
        {
            await using (application)
            {
                using var told = application.Lifetime.ApplicationStarted.Register(
                    () => output.WriteLine($"{Name} listening on {application.GrpcAddress()} (gRPC) and {application.HttpAddress()} (health and metrics)"));
                await application.RunAsync();
                return 0;
            }
        }
        catch (Exception failure)
        {
            await error.WriteLineAsync($"{Name} ended: {Told(failure)}");
            return Failed;
        }
    }

    /// <summary>The cause in words. A port that is taken is told by the outer exception only; most others by the innermost.</summary>
    private static string Told(Exception failure)
    {
        var cause = failure.GetBaseException();
        if (failure is IOException && cause is System.Net.Sockets.SocketException { SocketErrorCode: System.Net.Sockets.SocketError.AddressAlreadyInUse })
        {
            return $"{failure.Message} Another process has the port: end it, or set Listen:Grpc or Listen:Http to another one.";
        }

        var database = Chain(failure).Any(link => link.GetType().Namespace?.StartsWith("Npgsql", StringComparison.Ordinal) == true);
        return database ? $"the database cannot be used: {cause.Message.TrimEnd('.')}. See Server:ConnectionString." : cause.Message;
    }

    private static IEnumerable<Exception> Chain(Exception failure)
    {
        for (var link = (Exception?)failure; link is not null; link = link.InnerException)
        {
            yield return link;
        }
    }
}
