// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Retention;

/// <summary>The options that spell a retention rule.</summary>
internal sealed class RuleOptions
{
    private readonly Option<int?> _last = Count("--keep-last", "The newest N restore points");
    private readonly Option<int?> _hourly = Count("--keep-hourly", "The newest of each of the last N hours that have one");
    private readonly Option<int?> _daily = Count("--keep-daily", "The newest of each of the last N days that have one");
    private readonly Option<int?> _weekly = Count("--keep-weekly", "The newest of each of the last N weeks (from Monday) that have one");
    private readonly Option<int?> _monthly = Count("--keep-monthly", "The newest of each of the last N months that have one");
    private readonly Option<int?> _yearly = Count("--keep-yearly", "The newest of each of the last N years that have one");
    private readonly Option<int?> _within = Count("--keep-within", "Every restore point younger than N days");
    private readonly Option<string> _timeZone = new("--time-zone") { Description = "Where days and weeks begin, such as Europe/Berlin; UTC when left out", HelpName = "ZONE" };

    public IEnumerable<Option> All => [.. Counts, _timeZone];

    private IEnumerable<Option<int?>> Counts => [_last, _hourly, _daily, _weekly, _monthly, _yearly, _within];

    /// <summary>The rule that was given, or null when none of its parts was.</summary>
    public RetentionRule? From(CommandContext context) => Counts.All(option => context.Value(option) is null) ? null : new RetentionRule
    {
        Last = context.Value(_last) ?? 0,
        Hourly = context.Value(_hourly) ?? 0,
        Daily = context.Value(_daily) ?? 0,
        Weekly = context.Value(_weekly) ?? 0,
        Monthly = context.Value(_monthly) ?? 0,
        Yearly = context.Value(_yearly) ?? 0,
        WithinDays = context.Value(_within) ?? 0,
        TimeZone = context.Text(_timeZone),
    };

    private static Option<int?> Count(string name, string description) => new(name) { Description = description, HelpName = "N" };
}
