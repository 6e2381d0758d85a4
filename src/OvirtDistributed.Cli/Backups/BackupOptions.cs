// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using Duration = Google.Protobuf.WellKnownTypes.Duration;

namespace OvirtDistributed.Cli.Backups;

/// <summary>What a backup is asked, for the command that makes it and the one that plans it.</summary>
internal sealed class BackupOptions
{
    private readonly Argument<string[]> _vms = new("VM")
    {
        HelpName = "VM",
        Description = "Names or ids; needed unless --match, --tag or --cluster select",
        Arity = ArgumentArity.ZeroOrMore,
        DefaultValueFactory = _ => [],
    };

    private readonly Option<bool> _full = new("--full") { Description = "Read everything, not only what changed" };
    private readonly Option<string> _manager = new("--manager") { Description = "Manager of the VMs (name or id); not needed while there is one", HelpName = "MANAGER" };
    private readonly Option<string> _repository = new("--repository") { Description = "Where to store (name or id); not needed while there is one", HelpName = "REPOSITORY" };
    private readonly Option<string> _compression = new("--compression") { Description = "fast, default, dense or none", HelpName = "PROFILE" };
    private readonly Option<string> _mode = new("--mode")
    {
        Description = "Transport mode: auto, cbt, image-transfer, disk-attachment, ssh or export-domain (default: auto)",
        HelpName = "MODE",
    };

    private readonly Option<bool> _dropSnapshot = new("--drop-snapshot")
    {
        Description = "With image-transfer and ssh: remove the snapshot afterwards; it is kept otherwise, because the next incremental needs it",
    };

    private readonly Option<string[]> _match = Several("--match", "PATTERN", "Select VMs whose name matches, such as 'web-*'; may be repeated");
    private readonly Option<string[]> _tags = Several("--tag", "TAG", "Select VMs with this tag or one below it; may be repeated");
    private readonly Option<string[]> _clusters = Several("--cluster", "CLUSTER", "Select the VMs of this cluster; may be repeated");
    private readonly Option<string[]> _excludeVms = Several("--exclude-vm", "VM", "VM to leave out (name, id or pattern); may be repeated");
    private readonly Option<string[]> _excludeTags = Several("--exclude-tag", "TAG", "Leave out VMs with this tag or one below it; may be repeated");
    private readonly Option<string[]> _excludeDisks = Several("--exclude-disk", "DISK", "Disk to leave out (alias, id or pattern); may be repeated");

    private readonly Option<string> _consistency = new("--consistency")
    {
        Description = "File systems of a running guest: auto (frozen where possible), required (or no restore point), crash (not asked for) or freeze (held around a snapshot; default: auto)",
        HelpName = "RULE",
    };

    private readonly Option<int?> _freezeTimeout = new("--freeze-timeout")
    {
        Description = "With --consistency freeze: the longest the guest stays frozen, 5 to 600 (default: 60)",
        HelpName = "SECONDS",
    };

    private readonly CommandOptions _commands = new();

    public BackupOptions(CommandRunner runner)
    {
        _compression.AcceptOnlyFromAmong("fast", "default", "dense", "none");
        _mode.AcceptOnlyFromAmong("auto", "cbt", "image-transfer", "disk-attachment", "ssh", "export-domain");
        _consistency.AcceptOnlyFromAmong("auto", "required", "crash", "freeze");
        _vms.CompletionSources.Add(runner.Suggestions.Vms);
        _manager.CompletionSources.Add(runner.Suggestions.Managers);
        _repository.CompletionSources.Add(runner.Suggestions.Repositories);
        _excludeVms.CompletionSources.Add(runner.Suggestions.Vms);
        _clusters.CompletionSources.Add(runner.Suggestions.Clusters);
        _tags.CompletionSources.Add(runner.Suggestions.Tags);
        _excludeTags.CompletionSources.Add(runner.Suggestions.Tags);
    }

    public void AddTo(Command command)
    {
        command.Add(_vms);
        foreach (var option in new Option[] { _full, _manager, _repository, _compression, _mode, _consistency, _freezeTimeout, _dropSnapshot, _match, _tags, _clusters, _excludeVms, _excludeTags, _excludeDisks })
        {
            command.Add(option);
        }

        _commands.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(_vms) is not { Tokens.Count: > 0 } && !new[] { _match, _tags, _clusters }.Any(option => result.GetResult(option) is { Implicit: false }))
            {
                result.AddError("Name VMs, or select them with --match, --tag or --cluster.");
            }

            if (result.GetResult(_freezeTimeout) is { Implicit: false } && result.GetValue(_consistency) != "freeze")
            {
                result.AddError($"{_freezeTimeout.Name} needs {_consistency.Name} freeze.");
            }
        });
    }

    public async Task<RunBackupRequest> FromAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var request = new RunBackupRequest
        {
            Manager = context.Text(_manager),
            Repository = context.Text(_repository),
            Full = context.Value(_full),
            Compression = context.Text(_compression),
            TransportMode = context.Text(_mode),
            DropSnapshot = context.Value(_dropSnapshot),
            Commands = await _commands.FromAsync(context, cancellationToken),
            Consistency = context.Text(_consistency),
            FreezeTimeout = context.Value(_freezeTimeout) is { } seconds ? Duration.FromTimeSpan(TimeSpan.FromSeconds(seconds)) : null,
        };
        request.Vms.Add(context.Value(_vms).Distinct());
        request.Patterns.Add(Texts(context, _match));
        request.Tags.Add(Texts(context, _tags));
        request.Clusters.Add(Texts(context, _clusters));
        request.ExcludeVms.Add(Texts(context, _excludeVms));
        request.ExcludeTags.Add(Texts(context, _excludeTags));
        request.ExcludeDisks.Add(Texts(context, _excludeDisks));
        return request;
    }

    private static IEnumerable<string> Texts(CommandContext context, Option<string[]> option) => (context.Value(option) ?? []).Distinct();

    private static Option<string[]> Several(string name, string valueName, string description) =>
        new(name) { Description = description, HelpName = valueName, DefaultValueFactory = _ => [] };
}
