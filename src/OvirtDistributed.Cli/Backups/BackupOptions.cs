// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Backups;

/// <summary>What a backup is asked, for the command that makes it and the one that plans it.</summary>
internal sealed class BackupOptions
{
    private readonly Argument<string[]> _vms = new("VM") { HelpName = "VM", Description = "Names or ids", Arity = ArgumentArity.OneOrMore };
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

    private readonly Option<string[]> _excludeDisks = new("--exclude-disk")
    {
        Description = "Disk to leave out (id or alias); may be repeated",
        HelpName = "DISK",
        DefaultValueFactory = _ => [],
    };

    public BackupOptions(CommandRunner runner)
    {
        _compression.AcceptOnlyFromAmong("fast", "default", "dense", "none");
        _mode.AcceptOnlyFromAmong("auto", "cbt", "image-transfer", "disk-attachment", "ssh", "export-domain");
        _vms.CompletionSources.Add(runner.Suggestions.Vms);
        _manager.CompletionSources.Add(runner.Suggestions.Managers);
        _repository.CompletionSources.Add(runner.Suggestions.Repositories);
    }

    public void AddTo(Command command)
    {
        command.Add(_vms);
        foreach (var option in new Option[] { _full, _manager, _repository, _compression, _mode, _dropSnapshot, _excludeDisks })
        {
            command.Add(option);
        }
    }

    public RunBackupRequest From(CommandContext context)
    {
        var request = new RunBackupRequest
        {
            Manager = context.Text(_manager),
            Repository = context.Text(_repository),
            Full = context.Value(_full),
            Compression = context.Text(_compression),
            TransportMode = context.Text(_mode),
            DropSnapshot = context.Value(_dropSnapshot),
        };
        request.Vms.Add(context.Value(_vms).Distinct());
        request.ExcludeDisks.Add(context.Value(_excludeDisks) ?? []);
        return request;
    }
}
