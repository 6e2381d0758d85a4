// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Contracts.Control.V1;
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

namespace OvirtDistributed.Benchmarks.Processes;

/// <summary>Hidden mode: the worker's pipeline with its defaults as a process of its own, without a server that gives it orders.</summary>
internal sealed class WorkerMode
{
    public const string Argument = "worker-process";

    private const string WorkerId = "bench";

    private readonly TaskExecutor _executor;
    private readonly DiskBackup _backup;
    private readonly DiskRestore _restore;

    private WorkerMode(TlsIdentity? tls)
    {
        var options = new PipelineOptions();
        _backup = new DiskBackup(options, tls, TimeProvider.System, NullLogger<DiskBackup>.Instance);
        _restore = new DiskRestore(options, tls, TimeProvider.System, NullLogger<DiskRestore>.Instance);
        var images = new ImageIoConnector(options, TimeProvider.System, NullLogger<ImageIoClient>.Instance);
        _executor = new TaskExecutor(
            WorkerId, images, new DeviceFinder(new WorkerOptions().DeviceDirectory, TimeProvider.System), _backup, _restore, new DiskCopy(options, _backup, tls, TimeProvider.System),
            new DiskVerification(options, tls, TimeProvider.System, NullLogger<DiskVerification>.Instance),
            new ExportDomainDisks(ExportMounts.None, new QemuPrograms(new WorkerOptions().QemuNbd, new WorkerOptions().QemuImg), TimeProvider.System),
            new CommandExecution(directory: null, TimeProvider.System),
            TimeProvider.System);
    }

    /// <param name="certificate">The certificate's path without its ending; the CA's is beside it.</param>
    public static async Task RunAsync(string certificate)
    {
        using var tls = TlsIdentity.Load(new TlsOptions
        {
            CertificateFile = $"{certificate}.pem",
            KeyFile = $"{certificate}.key",
            CaFile = Path.Combine(Path.GetDirectoryName(certificate)!, "ca.pem"),
        });
        var worker = new WorkerMode(tls);
        await LineProcess.ServeAsync<WorkerRequest, WorkerReply>(worker.RunTaskAsync);
    }

    private async Task<WorkerReply> RunTaskAsync(WorkerRequest request)
    {
        var control = new TransferControl(TimeProvider.System);
        var before = GC.GetTotalAllocatedBytes(precise: false);
        try
        {
            var result = await ExecuteAsync(request, control);
            var allocated = GC.GetTotalAllocatedBytes(precise: false) - before;
            var statistics = control.Meter.ToStatistics();
            return new WorkerReply(
                null,
                result.Root.Digest.ToByteArray(),
                result.Root.Levels,
                allocated,
                statistics.ReadBytes,
                statistics.WrittenBytes,
                statistics.SentBytes,
                statistics.Bottleneck,
                [.. statistics.Stages.Select(stage => new StageSeconds(stage.Stage, stage.Busy.ToTimeSpan().TotalSeconds, stage.Waiting.ToTimeSpan().TotalSeconds))]);
        }
        catch (Exception failure)
        {
            // The parent reports it and ends the run.
            return new WorkerReply(failure.ToString(), [], 0, 0, 0, 0, 0, string.Empty, []);
        }
    }

    private async Task<TaskSucceeded> ExecuteAsync(WorkerRequest request, TransferControl control)
    {
        var order = OrderOf(request);
        if (request.File is null)
        {
            return await _executor.ExecuteAsync(order, control, CancellationToken.None);
        }

        if (request.IsRestore)
        {
            await using var target = new FileDiskTarget(request.File);
            return await _restore.RunAsync(order, target, control, CancellationToken.None);
        }

        await using var source = new FileDiskSource(request.File, request.DirtyBlocks ?? []);
        return await _backup.RunAsync(order, WorkerId, source, control, CancellationToken.None);
    }

    private static TaskOrder OrderOf(WorkerRequest request)
    {
        var order = new TaskOrder
        {
            JobId = $"job-{request.TaskId}",
            TaskId = request.TaskId,
            Attempt = 1,
            FencingToken = 1,
            VmName = "bench",
            DiskId = request.DiskId,
            DiskSizeBytes = request.SizeBytes,
            Mover = new MoverTarget
            {
                Address = request.MoverAddress,
                Repository = request.Repository,
                RepositoryKey = ByteString.CopyFrom(BenchmarkKey.Value.Secret),
                KeySetId = BenchmarkKey.Value.KeySetId.ToString("D"),
            },
        };
        var transfer = new ImageTransferSource { TransferUrl = request.TransferUrl ?? string.Empty, HostCaPem = request.CaPem ?? string.Empty };
        if (request.IsRestore)
        {
            // The rivals do not read back what they wrote either; every restored image is compared outside of the measured time.
            order.Restore = new RestoreDiskOrder
            {
                PointId = request.Point,
                SourceDiskId = request.DiskId,
                TargetIsZero = true,
                VerifyChecksum = false,
                ImageTransfer = transfer,
            };
        }
        else
        {
            order.Backup = new BackupDiskOrder
            {
                TransportMode = "cbt",
                // With a base but without its changes the disk is read in full, and what the base holds is not sent.
                Incremental = request.BasePoint is not null && (request.DirtyBlocks is not null || request.File is null),
                BasePointId = request.BasePoint ?? string.Empty,
                EngineBackupId = $"backup-{request.TaskId}",
                ImageTransfer = transfer,
            };
        }

        return order;
    }
}
