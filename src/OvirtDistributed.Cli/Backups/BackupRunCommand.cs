// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Cli.Watching;

namespace OvirtDistributed.Cli.Backups;

internal sealed class BackupRunCommand : ServerCommand
{
    private readonly BackupOptions _backup;
    private readonly Option<bool> _wait = new("--wait") { Description = "Wait for the jobs and end with their outcome" };
    private readonly Option<string> _requestId = RequestId.NewOption();

    public BackupRunCommand(CommandRunner runner)
        : base(runner, "run", "Back up VMs: one job for each")
    {
        _backup = new BackupOptions(runner);
        _backup.AddTo(this);
        Add(_wait);
        Add(_requestId);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var request = await _backup.FromAsync(context, cancellationToken);
        request.RequestId = RequestId.From(context, _requestId);
        var server = context.Server;
        var response = await RepeatedCall.RunAsync(
            token => server.Jobs.RunBackupAsync(request, server.Call(token)).ResponseAsync, context.Time, cancellationToken);
        foreach (var refused in response.Refused)
        {
            context.Output.Note($"ovd: VM {refused.VmName} cannot be backed up as it is: {refused.Reason}. Its job waits for that or fails with it.");
        }

        var wait = context.Value(_wait);
        var exitCode = await StartedJobs.FinishAsync(context, [.. response.Jobs], wait, cancellationToken, [.. response.LeftOut]);

        // Whoever waited knows what became of them.
        return exitCode == ExitCode.Ok && !wait && response.Refused.Count > 0 ? ExitCode.Refused : exitCode;
    }
}
