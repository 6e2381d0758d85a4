// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Transports.Points;

namespace OvirtDistributed.Worker.Execution;

/// <summary>Copies a disk of a restore point into another repository: a backup whose source is that point, or stored frames as they are where the two are replicas.</summary>
internal sealed class DiskCopy(PipelineOptions options, DiskBackup backup, TlsIdentity? tls, TimeProvider time)
{
    /// <summary>Opens source and target, moves what the target lacks, completes the disk.</summary>
    /// <exception cref="TaskFailureException">As the code says.</exception>
    public async Task<TaskSucceeded> RunAsync(TaskOrder order, string workerId, TransferControl control, CancellationToken cancellationToken)
    {
        var copy = order.Copy;
        if (copy.Source is null || copy.Target is null || copy.SourceRoot is null || (copy.Target.Incremental && copy.SourceBaseRoot is null))
        {
            throw new TaskFailureException(FailureCode.BadOrder, "The order to copy lacks its source, its target, or a root.");
        }

        await using var source = await PointSource.OpenAsync(order, copy, options.MoverConnections, tls, time, cancellationToken);
        control.Meter.Route = source.Route;
        var write = order.Clone();
        write.Backup = copy.Target; // in place of the copy: from here on it is one
        return await backup.RunAsync(write, workerId, source, control, cancellationToken, new FrameCopy(source, copy, options, time));
    }
}
