// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Exports;

/// <summary>What an attempt in transport mode export-domain works on. Asks the manager for nothing: before a restore's first byte the ledger names what will lie there.</summary>
internal sealed class ExportPreparation(EngineLedger ledger, Installation installation)
{
    /// <exception cref="EngineException">The worker does not have the domain, or the disk is not there.</exception>
    public async Task<ExportOrder> PrepareAsync(ServerDbContext context, Job job, DiskTask task, string workerId, CancellationToken cancellationToken)
    {
        var way = ExportWay.Of(job) ?? throw new InvalidOperationException($"Job {job.Id} has no way through an export domain.");
        var worker = await context.Workers.AsNoTracking().FirstOrDefaultAsync(row => row.Id == workerId, cancellationToken);
        if (!way.IsMountedBy(worker))
        {
            throw new EngineException(
                EngineFailure.Refused, $"Worker {worker?.Name ?? workerId} does not have export domain {way.DomainName} ({way.Location}) mounted: mount it there and set Worker:ExportDomains:{way.DomainId}.");
        }

        if (job.Backup?.Export is { } export)
        {
            return export.Images.GetValueOrDefault(task.DiskId) is { } image
                ? new ExportOrder(way.DomainId, way.Location, export.CloneId!.Value, image.DiskId, image.VolumeId, image.Format, Sparse: true, "")
                : throw new EngineException(EngineFailure.Failed, $"Disk {task.DiskAlias} has no copy in export domain {way.DomainName}.");
        }

        var target = job.Restore!.Export!;
        _ = await ledger.OpenAsync(LedgerKind.ExportedVm, LedgerOwner.OfJob(job.ManagerId, job.Id), way.DomainId, target.VmId, cancellationToken);
        return new ExportOrder(
            way.DomainId, way.Location, target.VmId, task.Id, RestoreExport.VolumeOf(task.Id), task.Plan!.Format, task.Plan.Sparse, await WriteOvfAsync(context, job, target, cancellationToken));
    }

    private async Task<string> WriteOvfAsync(ServerDbContext context, Job job, RestoreExport target, CancellationToken cancellationToken)
    {
        var ovf = await context.DocumentAsync(job.Id, JobDocument.Ovf, cancellationToken);
        return ExportOvf.Rewrite(
            ovf,
            new ExportedVm(target.VmId, job.Restore!.NewName, EngineMarker.Of(installation.InstanceId, job.RepositoryId, job.Id)),
            [.. job.Tasks.OrderBy(task => task.DiskAlias, StringComparer.Ordinal).Select(task => new ExportedDisk(task.Id, RestoreExport.VolumeOf(task.Id), task.DiskAlias, task.SizeBytes, task.Plan!))]);
    }
}
