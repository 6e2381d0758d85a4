// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator.Engine.Commands;

/// <summary>Start, stop, crash, freeze. Called with the gate held.</summary>
internal sealed class PowerCommands(EngineContext engine)
{
    private const string CannotRun = "Cannot run VM";

    private EngineState State => engine.State;

    public EngineJob Start(Vm vm, CommandScope scope)
    {
        Guard.VmFree(vm, CannotRun);
        if (!vm.IsDown)
        {
            throw ApiFault.Conflict($"{CannotRun}: VM is running.");
        }

        Guard.NotDuringBackup(vm, CannotRun);
        var plugged = vm.Attachments.Where(a => a.Active && a.SnapshotId is null).Select(a => State.Disks[a.DiskId]).ToList();
        Guard.DisksLegal(plugged, CannotRun);
        Guard.DisksUnlocked(plugged, CannotRun);
        plugged.ForEach(d => Guard.NotTransferred(State, d, CannotRun));
        var host = State.Hosts.Values.Where(h => h.ClusterId == vm.ClusterId && h.Status == "up")
            .MinBy(h => State.Vms.Values.Count(v => v.HostId == h.Id))
            ?? throw ApiFault.Conflict($"{CannotRun}: There is no host that satisfies current scheduling constraints.");
        vm.Status = VmStatus.WaitForLaunch;
        vm.HostId = host.Id;
        vm.StopReason = null;
        var epoch = ++vm.PowerEpoch;
        return engine.Start(
            scope,
            $"Launching VM {vm.Name}",
            async op =>
            {
                await engine.Storage.StartVmAsync(vm.Id, [.. plugged.Select(d => d.Id)], engine.Stopping);
                await ShowAsync(op, vm);
                await op.StepAsync();
                await op.ApplyAsync(() => vm.Status = vm.PowerEpoch == epoch ? VmStatus.PoweringUp : vm.Status);
                await op.StepAsync();
                await op.ApplyAsync(() =>
                {
                    if (vm.PowerEpoch != epoch)
                    {
                        // Stopped or crashed meanwhile.
                        return;
                    }

                    vm.Status = VmStatus.Up;
                    vm.StartTime = engine.Now;
                    vm.Fqdn = $"{vm.Name}.example.com";
                    op.Event(32, "normal", $"VM {vm.Name} started on Host {host.Name}", Subject(vm));
                });
            },
            (op, e) =>
            {
                vm.Status = VmStatus.Down;
                vm.HostId = null;
                op.Event(54, "error", $"Failed to run VM {vm.Name}: {e.Message}", Subject(vm));
            });
    }

    /// <summary>Stops the VM; a running backup is in the way unless <paramref name="force"/>.</summary>
    public EngineJob Stop(Vm vm, bool force, string? reason, CommandScope scope)
    {
        const string cannot = "Cannot stop VM";
        Guard.VmFree(vm, cannot);
        if (vm.Status is VmStatus.Down or VmStatus.PoweringDown or VmStatus.ImageLocked or VmStatus.WaitForLaunch)
        {
            throw ApiFault.Conflict($"{cannot}: VM is not running.");
        }

        if (!force)
        {
            Guard.NotDuringBackup(vm, cannot);
        }

        vm.Status = VmStatus.PoweringDown;
        vm.StopReason = reason;
        vm.PowerEpoch++;
        AbortLiveBackups(vm, "the VM was stopped during the backup");
        return engine.Start(
            scope,
            $"Stopping VM {vm.Name}",
            async op =>
            {
                do
                {
                    await op.StepAsync();
                }
                while (await op.ReadAsync(() => vm.Backups.Exists(b => !b.Ended && b.Kind == BackupKind.Live)));

                await engine.Devices.UnplugAllAsync(vm.Id);
                await engine.Storage.StopVmAsync(vm.Id, clean: true, engine.Stopping);
                await op.ApplyAsync(() =>
                {
                    Down(vm);
                    op.Event(33, "normal", $"VM {vm.Name} powered off by {engine.Options.User}.", Subject(vm));
                });
            },
            (op, e) => op.Event(56, "error", $"Failed to power off VM {vm.Name}: {e.Message}", Subject(vm)));
    }

    /// <summary>The VM's process dies: its bitmaps are left inconsistent, a live backup of it fails.</summary>
    public async Task CrashAsync(Vm vm, CancellationToken cancellationToken)
    {
        if (!vm.IsRunning)
        {
            throw ApiFault.Conflict($"VM {vm.Name} is not running.");
        }

        await engine.Devices.UnplugAllAsync(vm.Id);
        await engine.Storage.StopVmAsync(vm.Id, clean: false, cancellationToken);
        vm.PowerEpoch++;
        AbortLiveBackups(vm, "the VM's process was lost during the backup");
        Down(vm);
        engine.Event(119, "error", $"VM {vm.Name} is down with error. Exit message: Lost connection with qemu process.", Subject(vm), null);
    }

    /// <summary>Freezes or thaws the guest. What it writes while it is frozen waits.</summary>
    public EngineJob Filesystems(Vm vm, bool freeze, CommandScope scope)
    {
        var action = freeze ? "freeze" : "thaw";
        if (vm.Status != VmStatus.Up)
        {
            throw ApiFault.Conflict($"Cannot {action} VM: VM is not running.");
        }

        if (!vm.GuestAgent)
        {
            // The host asks the guest agent: without one the call fails in execution.
            engine.Event(freeze ? 10769 : 10770, "error", $"Failed to {action} guest filesystems of VM {vm.Name}: the guest agent is not responsive.", Subject(vm), scope.CorrelationId);
            throw ApiFault.BadRequest($"Cannot {action} guest filesystems: the guest agent is not responsive.");
        }

        if (freeze)
        {
            vm.Filesystems.Freeze(FreezeActor.Client, engine.Now);
        }
        else
        {
            vm.Filesystems.Thaw(FreezeActor.Client);
        }

        return engine.Done(scope, $"{(freeze ? "Freezing" : "Thawing")} filesystems of VM {vm.Name}");
    }

    private async Task ShowAsync(Operation op, Vm vm)
    {
        try
        {
            await engine.Devices.PlugAsync(await op.ReadAsync(() => engine.Devices.Plan(vm)), engine.Stopping);
        }
        catch (StorageException)
        {
            await engine.Devices.UnplugAllAsync(vm.Id);
            await engine.Storage.StopVmAsync(vm.Id, clean: true, engine.Stopping);
            throw;
        }
    }

    public static EventSubject Subject(Vm vm) => new() { VmId = vm.Id, ClusterId = vm.ClusterId, HostId = vm.HostId };

    private static void Down(Vm vm)
    {
        vm.Status = VmStatus.Down;
        vm.HostId = null;
        vm.StartTime = null;
        vm.Filesystems.Thaw(FreezeActor.PowerOff);
    }

    private static void AbortLiveBackups(Vm vm, string reason)
    {
        foreach (var backup in vm.Backups.Where(b => !b.Ended && b.Kind == BackupKind.Live))
        {
            backup.AbortReason = reason;
            backup.FinalizeRequested.TrySetResult();
        }
    }
}
