// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Restore;

internal sealed class PlanRestoreCommand : ServerCommand
{
    private readonly RestoreOptions _restore;

    public PlanRestoreCommand(CommandRunner runner)
        : base(runner, "restore", "Show what a restore of a VM would do now, and the digest to apply exactly that by. Changes nothing.")
    {
        _restore = new RestoreOptions(runner, orPlan: null);
        _restore.AddTo(this);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var response = await server.Jobs.PlanRestoreAsync(new PlanRestoreRequest { Restore = _restore.From(context) }, server.Call(cancellationToken));
        return RestorePlanPage.Write(context, response, "ovd restore vm");
    }
}
