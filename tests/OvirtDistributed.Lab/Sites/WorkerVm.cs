// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Lab.Guests;
using OvirtDistributed.Simulator;

namespace OvirtDistributed.Lab.Sites;

/// <summary>
/// A VM of the simulator that a worker runs in: a real one that qemu boots, or this machine as far as the worker can tell by the VM's id and the links to
/// its disks.
/// </summary>
internal sealed record WorkerVm(Guid Id, string DeviceDirectory, GuestMachine? Machine)
{
    /// <summary>Lets this machine see the VMs that the options name.</summary>
    /// <exception cref="ArgumentException">There is no such VM, or no worker of its own process.</exception>
    public static async Task<IReadOnlyList<WorkerVm>> ShowAsync(
        LabOptions options, SimulatorEngine engine, string dataDirectory, CancellationToken cancellationToken)
    {
        if (options.WorkerVms.Count == 0)
        {
            return [];
        }

        if (!options.SeparateProcesses)
        {
            throw new ArgumentException($"{nameof(LabOptions.WorkerVms)} needs {nameof(LabOptions.SeparateProcesses)}: embedded workers run in the server.");
        }

        var vms = await engine.VmsAsync(cancellationToken);
        var shown = new List<WorkerVm>();
        foreach (var name in options.WorkerVms)
        {
            var vm = vms.FirstOrDefault(candidate => candidate.Name == name)
                ?? throw new ArgumentException($"{nameof(LabOptions.WorkerVms)}: the model has no VM {name}.");
            var directory = Path.Combine(dataDirectory, "devices", name);
            var machine = options.BootWorkerVms ? new GuestMachine(vm.Id, Directory.CreateDirectory(directory).FullName) : null;
            await (machine is null
                ? engine.ShowDevicesAsync(vm.Id, directory, cancellationToken)
                : engine.ShowDevicesAsync(vm.Id, machine, cancellationToken));
            shown.Add(new WorkerVm(vm.Id, directory, machine));
        }

        return shown;
    }

    /// <summary>What a worker has to be told: nothing in a real VM, where it finds out by itself, but to listen on its network.</summary>
    public void AddTo(ServiceSettings settings) => _ = Machine is null
        ? settings.Set("Worker:SystemUuid", Id.ToString()).Set("Worker:DeviceDirectory", DeviceDirectory)
        : settings.ListenEverywhere();
}
