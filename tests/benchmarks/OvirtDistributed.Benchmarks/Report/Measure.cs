// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Benchmarks.Report;

/// <summary>One row: ours against a rival, or, without a rival, a figure against its targets. Smaller is better everywhere.</summary>
internal sealed record Measure(string Name, double Ours, string? RivalName, double? Rival, double? Gate, double? Goal)
{
    /// <summary>Ours ÷ rival; the figure itself without a rival.</summary>
    public double Ratio => Rival is { } rival ? Ours / rival : Ours;

    public string Verdict => this switch
    {
        { Gate: null, Goal: null } => string.Empty,
        { Goal: { } goal } when Ratio <= goal => "goal",
        { Gate: { } gate } when Ratio <= gate => "gate",
        _ => "MISSED",
    };
}
