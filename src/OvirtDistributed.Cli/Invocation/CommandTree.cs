// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Help;
using OvirtDistributed.Cli.Backups;
using OvirtDistributed.Cli.Completion;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Cli.Keys;
using OvirtDistributed.Cli.Managers;
using OvirtDistributed.Cli.Points;
using OvirtDistributed.Cli.Repositories;
using OvirtDistributed.Cli.Restore;
using OvirtDistributed.Cli.Retention;
using OvirtDistributed.Cli.Status;
using OvirtDistributed.Cli.Vms;
using OvirtDistributed.Cli.Workers;

namespace OvirtDistributed.Cli.Invocation;

/// <summary>All commands in their places.</summary>
internal static class CommandTree
{
    public static RootCommand Build(CommandRunner runner, GlobalOptions options)
    {
        var root = new RootCommand("Backs up and restores the VMs of oVirt, OLVM and RHV managers, through the backup server.");
        foreach (var option in options.All)
        {
            root.Add(option);
        }

        root.Add(new StatusCommand(runner));
        root.Add(Group(
            "manager",
            "The oVirt managers that the backup server knows",
            new ManagerAddCommand(runner),
            new ManagerListCommand(runner),
            new ManagerRemoveCommand(runner),
            new ManagerSetSshCommand(runner),
            new ManagerInventoryCommand(runner)));
        root.Add(Group(
            "repository",
            "Where backups are stored",
            new RepositoryAddCommand(runner),
            new RepositoryListCommand(runner),
            new RepositoryRemoveCommand(runner),
            new RepositoryCollectCommand(runner),
            new RepositoryDamagedCommand(runner),
            new RepositorySetAsideCommand(runner),
            Group(
                "key",
                "Who can read an encrypted repository",
                new KeyListCommand(runner),
                new KeyAddCommand(runner),
                new KeyRemoveCommand(runner),
                new KeyExportCommand(runner),
                new KeyImportCommand(runner))));
        root.Add(Group("worker", "The workers in the clusters", new WorkerListCommand(runner)));
        root.Add(Group("queue", "The clusters' task queues", new QueueListCommand(runner)));
        root.Add(Group("vm", "The managers' VMs and whether they are protected", new VmListCommand(runner), new VmEnableCbtCommand(runner)));
        root.Add(Group("backup", "Make backups", new BackupRunCommand(runner)));
        root.Add(Group("plan", "Show what would be done, and change nothing", new PlanBackupCommand(runner), new PlanRestoreCommand(runner), new PlanRestoreDiskCommand(runner)));
        root.Add(Group(
            "job",
            "Running and past backups and restores",
            new JobListCommand(runner),
            new JobShowCommand(runner),
            new JobWatchCommand(runner),
            new JobLogsCommand(runner),
            new JobCancelCommand(runner)));
        root.Add(Group(
            "point",
            "Restore points",
            new PointListCommand(runner),
            new PointShowCommand(runner),
            new PointPinCommand(runner),
            new PointUnpinCommand(runner),
            new PointLockCommand(runner),
            new PointCopyCommand(runner),
            new PointVerifyCommand(runner),
            new PointRemoveCommand(runner)));
        root.Add(Group(
            "retention",
            "How long restore points stay",
            new RetentionSetCommand(runner),
            new RetentionListCommand(runner),
            new RetentionAssignCommand(runner),
            new RetentionPreviewCommand(runner),
            new RetentionApplyCommand(runner),
            new RetentionRemoveCommand(runner)));
        root.Add(Group("restore", "Restore VMs and disks", new RestoreVmCommand(runner), new RestoreDiskCommand(runner)));
        root.Add(new CompletionCommand(runner));

        foreach (var option in root.Options)
        {
            switch (option)
            {
                case HelpOption { Action: HelpAction help }:
                    option.Action = new RootHelpAction(help);
                    break;
                case VersionOption:
                    option.Action = new VersionAction();
                    break;
            }
        }

        return root;
    }

    private static Command Group(string name, string description, params Command[] commands)
    {
        var group = new Command(name, description);
        foreach (var command in commands)
        {
            group.Add(command);
        }

        return group;
    }
}
