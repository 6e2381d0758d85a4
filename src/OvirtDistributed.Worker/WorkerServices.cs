// SPDX-License-Identifier: Apache-2.0

using MassTransit;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Worker.Agent;
using OvirtDistributed.Worker.Commands;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Restore;
using OvirtDistributed.Worker.Transports.DiskAttachment;
using OvirtDistributed.Worker.Transports.ExportDomain;
using OvirtDistributed.Worker.Transports.ImageIo;

namespace OvirtDistributed.Worker;

/// <summary>Puts a worker together: the same for the executable and for workers inside the backup server.</summary>
internal static class WorkerServices
{
    public static WorkerAgent CreateAgent(
        WorkerOptions options, IWorkerControl server, IReceiveConnector bus, TlsIdentity? tls, TimeProvider time, ILoggerFactory loggers)
    {
        var backup = new DiskBackup(options.Pipeline, tls, time, loggers.CreateLogger<DiskBackup>());
        var executor = new TaskExecutor(
            options.EffectiveId.ToString("D"),
            new ImageIoConnector(options.Pipeline, time, loggers.CreateLogger<ImageIoClient>()),
            new DeviceFinder(options.DeviceDirectory, time),
            backup,
            new DiskRestore(options.Pipeline, tls, time, loggers.CreateLogger<DiskRestore>()),
            new DiskCopy(options.Pipeline, backup, tls, time),
            new DiskVerification(options.Pipeline, tls, time, loggers.CreateLogger<DiskVerification>()),
            new ExportDomainDisks(options.ExportMounts, new QemuPrograms(options.QemuNbd, options.QemuImg), time),
            new CommandExecution(options.CommandDirectory, time),
            time);
        return new WorkerAgent(options, server, bus, executor, time, loggers);
    }
}
