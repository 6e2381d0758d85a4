// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>Finds out, before a command is offered to workers, whether the guest runs and where it is reached.</summary>
internal sealed class GuestFinder(IEngineDirectory engines)
{
    /// <summary>Asks the manager, and keeps the address in the job.</summary>
    /// <returns>Why no command can run in the guest; null when one may be tried.</returns>
    public async Task<string?> FindAsync(StepContext step, CommandPhase phase, CancellationToken cancellationToken)
    {
        var commands = step.Job.Backup!.Commands!;
        if (commands.Guest is not { } guest)
        {
            return null;
        }

        try
        {
            var engine = (await engines.OpenAsync(step.Job.ManagerId, cancellationToken)).Engine;
            if (await engine.FindVmAsync(step.Job.VmId, cancellationToken) is not { } vm)
            {
                return $"VM {step.Job.VmName} is gone from the manager";
            }

            var (found, problem) = await LookAsync(engine, vm, guest, cancellationToken);
            step.Job.Backup = step.Job.Backup with { Commands = commands with { Guest = found } };
            return problem;
        }
        catch (EngineException) when (phase == CommandPhase.Post && guest.KnownAddress().Length > 0)
        {
            // The application waits, and the way to it is known: a manager that does not answer must not hold it up.
            return null;
        }
    }

    /// <returns>The access with its address where that is known, and why no command can run in the guest; null when one may be tried.</returns>
    public static async Task<(GuestAccess Guest, string? Problem)> LookAsync(IEngine engine, EngineVm vm, GuestAccess guest, CancellationToken cancellationToken)
    {
        // What the manager is unsure of is tried.
        if (vm.Status is "down" or "paused" or "suspended" or "saving_state" or "restoring_state" or "image_locked")
        {
            return (guest, $"VM {vm.Name} is {vm.Status}, and a command runs in a guest only while that runs: start the VM, or back it up without commands");
        }

        if (guest.KnownAddress().Length > 0)
        {
            return (guest, null);
        }

        var (address, problem) = GuestAddress.Choose(guest, await engine.ListGuestAddressesAsync(vm.Id, cancellationToken));
        return (guest with { ReportedAddress = address }, problem.Length == 0 ? null : $"VM {vm.Name}: {problem}");
    }
}
