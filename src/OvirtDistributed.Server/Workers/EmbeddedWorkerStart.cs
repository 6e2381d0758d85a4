// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Worker;
using OvirtDistributed.Worker.Agent;
using OvirtDistributed.Worker.Transports.ExportDomain;

namespace OvirtDistributed.Server.Workers;

/// <summary>Starts the workers that the configuration asks for inside this process.</summary>
internal sealed class EmbeddedWorkerStart(EmbeddedWorkers workers, ServerOptions options) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var worker in options.EmbeddedWorkers)
        {
            workers.Start(new WorkerOptions
            {
                ClusterId = worker.ClusterId,
                Name = $"{EmbeddedWorkerName.Prefix}{worker.ClusterId:D}",
                Slots = worker.Slots,
                ExportMounts = new ExportMounts(worker.ExportDomains.AsReadOnly()),
                CommandDirectory = worker.CommandDirectory,
            });
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
