// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using Duration = Google.Protobuf.WellKnownTypes.Duration;

namespace OvirtDistributed.Cli.Backups;

/// <summary>Programs that a worker runs, or has the guest run, around the moment of a backup.</summary>
internal sealed class CommandOptions
{
    private readonly Option<string> _pre = Text("--pre-command", "NAME", "Program in the workers' command directory (or the guest) to run before the backup's moment");
    private readonly Option<string[]> _preArguments = Texts("--pre-arg", "Argument of the pre-command; may be repeated");
    private readonly Option<string> _post = Text("--post-command", "NAME", "Program to run right after the backup's moment, also when the backup fails; must be idempotent");
    private readonly Option<string[]> _postArguments = Texts("--post-arg", "Argument of the post-command; may be repeated");
    private readonly Option<string> _timeLimit = Text("--command-timeout", "TIME", "Longest time for each of them, such as 90s or 5m (default: 5m)");
    private readonly Option<string> _preFailure = Text("--pre-failure", "POLICY", "What a failed pre-command means: abort or continue (default: abort)");
    private readonly GuestOptions _guest = new();

    public CommandOptions() => _preFailure.AcceptOnlyFromAmong("abort", "continue");

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _pre, _preArguments, _post, _postArguments, _timeLimit, _preFailure })
        {
            command.Add(option);
        }

        _guest.AddTo(command, _pre, _post);

        command.Validators.Add(result =>
        {
            foreach (var (option, needed) in new (Option, Option)[] { (_preArguments, _pre), (_preFailure, _pre), (_postArguments, _post) })
            {
                if (IsGiven(result, option) && !IsGiven(result, needed))
                {
                    result.AddError($"{option.Name} needs {needed.Name}.");
                }
            }

            if (IsGiven(result, _timeLimit))
            {
                if (!IsGiven(result, _pre) && !IsGiven(result, _post))
                {
                    result.AddError($"{_timeLimit.Name} needs {_pre.Name} or {_post.Name}.");
                }

                if (!DurationText.TryParse(result.GetValue(_timeLimit) ?? "", out _))
                {
                    result.AddError($"{_timeLimit.Name} '{result.GetValue(_timeLimit)}' is not a time: write 90s or 5m.");
                }
            }
        });
    }

    /// <summary>Null when there are none.</summary>
    public async Task<BackupCommands?> FromAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var (pre, post) = (context.Text(_pre), context.Text(_post));
        if (pre.Length == 0 && post.Length == 0)
        {
            return null;
        }

        return new BackupCommands
        {
            Pre = pre.Length == 0 ? null : new BackupCommand { Name = pre, Arguments = { context.Value(_preArguments) ?? [] } },
            Post = post.Length == 0 ? null : new BackupCommand { Name = post, Arguments = { context.Value(_postArguments) ?? [] } },
            TimeLimit = DurationText.TryParse(context.Text(_timeLimit), out var limit) ? Duration.FromTimeSpan(limit) : null,
            PreFailure = context.Text(_preFailure),
            Guest = await _guest.FromAsync(context, cancellationToken),
        };
    }

    private static bool IsGiven(System.CommandLine.Parsing.CommandResult result, Option option) => result.GetResult(option) is { Implicit: false };

    private static Option<string> Text(string name, string valueName, string description) => new(name) { Description = description, HelpName = valueName };

    private static Option<string[]> Texts(string name, string description) => new(name) { Description = description, HelpName = "TEXT", DefaultValueFactory = _ => [] };
}
