// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Restore;

internal sealed class RestoreVmCommand : ServerCommand
{
    private readonly RestoreOptions _restore;
    private readonly Option<string> _plan = new("--plan")
    {
        Description = "Digest of a plan (ovd plan restore), or its first characters: do exactly that, or refuse when it would not be the same any more",
        HelpName = "DIGEST",
    };

    private readonly Option<bool> _yes = LossQuestion.NewOption();
    private readonly Option<bool> _wait = new("--wait") { Description = "Wait for the job and end with its outcome" };
    private readonly Option<string> _requestId = RequestId.NewOption();

    public RestoreVmCommand(CommandRunner runner)
        : base(runner, "vm", "Restore a whole VM as a new VM, or over the original one")
    {
        _restore = new RestoreOptions(runner, _plan);
        _restore.AddTo(this);
        Add(_plan);
        Add(_yes);
        Add(_wait);
        Add(_requestId);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var plan = context.Text(_plan);
        var request = plan.Length > 0 ? new RestoreVmRequest { Plan = plan } : _restore.From(context);
        request.RequestId = RequestId.From(context, _requestId);
        request.AcceptLoss = context.Value(_yes);
        var response = await LossQuestion.AskAsync(
            context,
            () => RepeatedCall.RunAsync(token => server.Jobs.RestoreVmAsync(request, server.Call(token)).ResponseAsync, context.Time, cancellationToken),
            () => request.AcceptLoss = true,
            cancellationToken);
        return await StartedJobs.FinishAsync(context, [response.Job], context.Value(_wait), cancellationToken);
    }
}
