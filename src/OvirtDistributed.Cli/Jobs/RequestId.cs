// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;

namespace OvirtDistributed.Cli.Jobs;

/// <summary>The id that makes starting a job safe to repeat.</summary>
internal static class RequestId
{
    public static Option<string> NewOption() => new("--request-id")
    {
        Description = "Your id for this request: repeated with the same one it starts nothing new and answers the same jobs",
        HelpName = "ID",
    };

    public static string From(CommandContext context, Option<string> option) =>
        context.Text(option) is { Length: > 0 } given ? given : Guid.NewGuid().ToString("N");
}
