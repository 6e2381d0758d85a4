// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Grpc.Core;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Hosting.Grpc;

namespace OvirtDistributed.Cli.Restore;

/// <summary>Asks before something is lost for good. The backup server says what: it alone knows what a plan does.</summary>
internal static class LossQuestion
{
    private const string NotAccepted = "loss-not-accepted";

    public static Option<bool> NewOption() => new("--yes") { Description = "Do not ask before what a VM holds now is lost (with --no-safety-point)" };

    /// <summary>Makes a call, and where it is refused for the loss it brings makes it again once the operator accepts that.</summary>
    /// <exception cref="CliException">The operator does not.</exception>
    /// <exception cref="RpcException">Nobody is there to ask, or the call failed for another reason.</exception>
    public static async Task<T> AskAsync<T>(CommandContext context, Func<Task<T>> call, Action accept, CancellationToken cancellationToken)
    {
        try
        {
            return await call();
        }
        catch (RpcException refused) when (FailureStatus.ReasonOf(refused) == NotAccepted && context.Host.InputIsTerminal && !context.Output.IsJson)
        {
            context.Output.Note(refused.Status.Detail);
            await context.Host.Error.WriteAsync("Lose it? [y/N] ".AsMemory(), cancellationToken);
            await context.Host.Error.FlushAsync(cancellationToken);
            var answer = await context.Host.In.ReadLineAsync(cancellationToken).AsTask().WaitAsync(cancellationToken);
            if (answer?.Trim().ToUpperInvariant() is not ("Y" or "YES"))
            {
                throw CliException.Refused("Not confirmed; nothing was done.");
            }
        }

        accept();
        return await call();
    }
}
