// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Retention;

internal static class RetentionTable
{
    /// <param name="context">Where it is written.</param>
    /// <param name="decisions">A row each.</param>
    /// <param name="going">What is said of a point that goes.</param>
    public static void Write(CommandContext context, IReadOnlyCollection<RetentionDecision> decisions, string going = "remove")
    {
        var length = ShortIds.LengthFor(decisions.Select(decision => decision.PointId));
        var table = new TextTable("VM", "POINT", "CREATED", "REPOSITORY", "POLICY", "DECISION", "WHY");
        foreach (var decision in decisions)
        {
            table.Add(
                decision.VmName,
                ShortIds.Cut(decision.PointId, length),
                TimeText.Both(decision.Created, context.Time),
                decision.Repository,
                decision.Policy,
                decision.Keep ? new Cell("keep", Tone.Good) : new Cell(decision.Problem.Length > 0 ? "not removed" : going, Tone.Attention),
                decision.Keep ? string.Join("; ", decision.Reasons) : new Cell(decision.Problem, Tone.Bad));
        }

        table.WriteTo(context.Output);
    }
}
