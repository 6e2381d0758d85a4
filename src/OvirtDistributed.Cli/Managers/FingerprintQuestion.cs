// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;

namespace OvirtDistributed.Cli.Managers;

/// <summary>Shows the fingerprint of a CA that nobody vouched for, and asks.</summary>
internal static class FingerprintQuestion
{
    /// <summary>Returns the fingerprint when the operator confirms it.</summary>
    /// <exception cref="CliException">Nobody is there to ask, or the answer was no.</exception>
    public static async Task<string> AskAsync(CommandContext context, string url, string fingerprint, CancellationToken cancellationToken)
    {
        if (fingerprint.Length == 0)
        {
            throw new CliException(ExitCode.Unexpected, "internal", $"The backup server neither stored {url} nor named a fingerprint to confirm; its log may have the reason.");
        }

        if (!context.Host.InputIsTerminal || context.Output.IsJson)
        {
            throw new CliException(
                ExitCode.Refused,
                "ca_unconfirmed",
                $"The CA of {url} is not confirmed; nothing was stored. Compare its SHA-256 fingerprint {Grouped(fingerprint)} with the manager's own, then run the command again with --ca-fingerprint {fingerprint}.");
        }

        context.Output.Note($"{url} presents a CA with the SHA-256 fingerprint");
        context.Output.Note($"  {Grouped(fingerprint)}");
        await context.Host.Error.WriteAsync("Is this the manager's CA? [y/N] ".AsMemory(), cancellationToken);
        await context.Host.Error.FlushAsync(cancellationToken);
        var answer = await context.Host.In.ReadLineAsync(cancellationToken).AsTask().WaitAsync(cancellationToken);
        return answer?.Trim().ToUpperInvariant() is "Y" or "YES" ? fingerprint : throw CliException.Refused("Not confirmed; nothing was stored.");
    }

    /// <summary>Pairs of digits with colons, as certificate tools print them.</summary>
    private static string Grouped(string fingerprint) =>
        fingerprint.Contains(':') ? fingerprint : string.Join(':', fingerprint.Chunk(2).Select(pair => new string(pair))).ToUpperInvariant();
}
