// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Parsing;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Restore;

/// <summary>The other way of <c>restore disk</c>: a job of the backup server makes the disk a new one of a VM, or writes it onto the VM's own.</summary>
internal sealed class DiskToVm
{
    private readonly Option<string> _vm = new("--to-vm") { Description = "VM that gets it as a new disk, instead of a file", HelpName = "VM" };
    private readonly Option<string> _manager = new("--manager") { Description = "With --to-vm: manager of the VM; default: the restore point's", HelpName = "MANAGER" };
    private readonly DiskOptions _disk = new("With --to-vm: ");
    private readonly Option<bool> _activate = new("--activate") { Description = "With --to-vm: plug the disk into a running VM" };
    private readonly Option<bool> _inPlace = new("--in-place") { Description = "With --to-vm: write what differs onto the VM's own disk, which must be off; by disk-attachment or ssh" };
    private readonly Option<bool> _powerOff = new("--power-off") { Description = "With --in-place: power the VM off, hard, as the first thing" };
    private readonly Option<bool> _noSafetyPoint = new("--no-safety-point") { Description = "With --in-place: do not back the VM up first" };
    private readonly Option<bool> _start = new("--start") { Description = "With --in-place: start the VM afterwards" };
    private readonly Option<bool> _yes = LossQuestion.NewOption();
    private readonly Option<bool> _wait = new("--wait") { Description = "With --to-vm: wait for the job and end with its outcome" };
    private readonly Option<string> _requestId = RequestId.NewOption();

    private readonly bool _planning;
    private readonly Option<string>? _orPlan;

    /// <param name="runner">The commands' runner.</param>
    /// <param name="planning">No job is made: without the options that belong to one.</param>
    /// <param name="orPlan">The option that may stand in the place of all of these.</param>
    public DiskToVm(CommandRunner runner, bool planning, Option<string>? orPlan = null)
    {
        (_planning, _orPlan) = (planning, orPlan);
        _vm.CompletionSources.Add(runner.Suggestions.Vms);
        _manager.CompletionSources.Add(runner.Suggestions.Managers);
    }

    private Option[] Others => [_manager, .. _disk.All, _activate, _inPlace, .. OfInPlace];

    private Option[] OfJob => _planning ? [] : [_yes, _wait, _requestId];

    private Option[] OfInPlace => [_powerOff, _noSafetyPoint, _start];

    /// <param name="command">Gets the options.</param>
    /// <param name="file">The option of the first way, and those that belong to it.</param>
    public void AddTo(Command command, params Option[] file)
    {
        command.Add(_vm);
        foreach (var option in Others.Concat(OfJob))
        {
            command.Add(option);
        }

        command.Validators.Add(result =>
        {
            var (toFile, toVm) = (IsGiven(result, file[0]), IsGiven(result, _vm));
            var strangers = toVm ? file : [.. Others, .. OfJob];
            if (_orPlan is not null && IsGiven(result, _orPlan))
            {
                if (file.Append(_vm).Concat(Others).FirstOrDefault(option => IsGiven(result, option)) is { } more)
                {
                    result.AddError($"{more.Name} cannot be given with {_orPlan.Name}: a plan says all that is to be done.");
                }

                return;
            }

            if (toFile == toVm)
            {
                result.AddError(toFile ? $"{file[0].Name} and {_vm.Name} exclude each other." : $"Option '{file[0].Name}' or '{_vm.Name}' is required.");
            }
            else if (strangers.FirstOrDefault(option => IsGiven(result, option)) is { } stranger)
            {
                result.AddError($"{stranger.Name} does not belong to {(toVm ? _vm.Name : file[0].Name)}.");
            }
            else if (!IsGiven(result, _inPlace) && OfInPlace.FirstOrDefault(option => IsGiven(result, option)) is { } alone)
            {
                result.AddError($"{alone.Name} belongs to {_inPlace.Name}.");
            }
        });
    }

    public bool IsAsked(CommandContext context) => context.Text(_vm).Length > 0;

    public RestoreDiskRequest From(CommandContext context, string point, string disk) => new()
    {
        Point = point,
        Disk = disk,
        Vm = context.Text(_vm),
        Manager = context.Text(_manager),
        StorageDomain = _disk.StorageDomain(context),
        Format = _disk.Format(context),
        Allocation = _disk.Allocation(context),
        TransportMode = _disk.Mode(context),
        Activate = context.Value(_activate),
        InPlace = context.Value(_inPlace),
        PowerOff = context.Value(_powerOff),
        NoSafetyPoint = context.Value(_noSafetyPoint),
        Start = context.Value(_start),
        NoVerify = _disk.NoVerify(context),
    };

    /// <summary>Has the job made.</summary>
    public async Task<ExitCode> ExecuteAsync(CommandContext context, RestoreDiskRequest request, CancellationToken cancellationToken)
    {
        var server = context.Server;
        request.RequestId = RequestId.From(context, _requestId);
        request.AcceptLoss = context.Value(_yes);
        var response = await LossQuestion.AskAsync(
            context,
            () => RepeatedCall.RunAsync(token => server.Jobs.RestoreDiskAsync(request, server.Call(token)).ResponseAsync, context.Time, cancellationToken),
            () => request.AcceptLoss = true,
            cancellationToken);
        return await StartedJobs.FinishAsync(context, [response.Job], context.Value(_wait), cancellationToken);
    }

    private static bool IsGiven(CommandResult result, Option option) => result.GetResult(option) is { Implicit: false };
}
