// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator;

namespace OvirtDistributed.Lab.Sites;

/// <summary>A VM of the simulator that a worker runs in, as far as the worker can tell: its id and the links to its disks.</summary>
internal sealed record WorkerVm(Guid Id, string DeviceDirectory)
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
            await engine.ShowDevicesAsync(vm.Id, directory, cancellationToken);
            shown.Add(new WorkerVm(vm.Id, directory));
        }

        return shown;
    }

    public void AddTo(ServiceSettings settings) => _ = settings
        .Set("Worker:SystemUuid", Id.ToString())
        .Set("Worker:DeviceDirectory", DeviceDirectory);
}
