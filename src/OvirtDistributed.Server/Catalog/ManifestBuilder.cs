// SPDX-License-Identifier: Apache-2.0

using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Catalog;

/// <summary>Puts together what a restore point says about itself: everything a restore needs, without this database.</summary>
internal sealed class ManifestBuilder(InventoryCatalog inventory)
{
    /// <param name="step">The job.</param>
    /// <param name="keys">Of its repository.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<BuiltManifest> BuildAsync(StepContext step, ContentKeys keys, CancellationToken cancellationToken)
    {
        var job = step.Job;
        var details = job.Backup!;
        var vm = JsonSerializer.Deserialize<EngineVm>(
            await step.Database.DocumentAsync(job.Id, JobDocument.Vm, cancellationToken), JsonColumn.Options)!;
        var domains = await inventory.ListAsync<EngineStorageDomain>(job.ManagerId, InventoryKind.StorageDomain, cancellationToken);
        var ovf = await OvfAsync(step, keys, cancellationToken);
        var manifest = new VmManifest
        {
            PointId = job.PointId ?? throw new InvalidOperationException($"Job {job.Id} has no point id yet."),
            ManagerId = job.ManagerId.ToString("D"),
            VmId = job.VmId.ToString("D"),
            VmName = job.VmName,
            Created = details.PointInTime ?? job.Created,
            JobId = job.Id.ToString("D"),
            Kind = job.Tasks.Any(task => task.Incremental) ? PointKind.Incremental : PointKind.Full,
            TransportMode = details.TransportMode,
            EngineBackupId = details.EngineBackupId?.ToString("D"),
            CheckpointId = details.ToCheckpointId?.ToString("D"),
            FromCheckpointId = details.FromCheckpointId?.ToString("D"),
            FallbackReason = details.CheckpointLost ? details.ModeReason : null,
            Consistency = ConsistencyOf(details.Consistency),
            ConsistencyDetail = details.ConsistencyDetail.Length == 0 ? null : details.ConsistencyDetail,
            Disks = [.. job.Tasks.OrderBy(task => task.DiskAlias, StringComparer.Ordinal).Select(task => DiskOf(job, task, vm, domains))],
            Blobs = ovf is null ? [] : [ovf.Blob],
            SkippedDisks = details.Skipped.ToDictionary(disk => disk.DiskId.ToString("D"), disk => disk.Reason),
            TraceId = TraceIdOf(job.TraceParent),
            Statistics = StatisticsOf(job.Tasks),
            Stages = [new ManifestStage { Name = "copy", Started = StartOf(job), Ended = EndOf(job, step.Now) }],
            Properties = await FactsAsync(step, vm, cancellationToken),
        };
        return new BuiltManifest(ManifestCodec.Write(manifest, keys), ovf is null ? [] : [ovf.Frame]);
    }

    private static async Task<MetadataFrame?> OvfAsync(StepContext step, ContentKeys keys, CancellationToken cancellationToken)
    {
        var ovf = await step.Database.DocumentAsync(step.Job.Id, JobDocument.Ovf, cancellationToken);
        return ovf.Length == 0 ? null : MetadataFrame.Create(PointFacts.Ovf, "application/xml", Encoding.UTF8.GetBytes(ovf), keys);
    }

    /// <summary>The 32 digits of a W3C trace context; null when there is none.</summary>
    public static string? TraceIdOf(string? traceParent) => traceParent?.Split('-') is [_, { Length: 32 } trace, ..] ? trace : null;

    private static ManifestDisk DiskOf(Job job, DiskTask task, EngineVm vm, IReadOnlyList<EngineStorageDomain> domains)
    {
        var disk = vm.Disks.First(candidate => candidate.Id == task.DiskId);
        var root = task.RootDigest ?? throw new InvalidOperationException($"Task {task.Id} is done without a root.");
        return new ManifestDisk
        {
            DiskId = task.DiskId.ToString("D"),
            Alias = task.DiskAlias,
            TaskId = task.Id.ToString("D"),
            Root = new DiskRoot(new ChunkDigest(root), task.RootLevels, task.RootSizeBytes),
            Format = disk.Format,
            Sparse = disk.Sparse,
            StorageType = domains.FirstOrDefault(domain => domain.Id == disk.StorageDomainId)?.StorageType,
            StorageDomainId = disk.StorageDomainId.ToString("D"),
            Interface = disk.Interface,
            Bootable = disk.Bootable,
            Kind = task.Incremental ? PointKind.Incremental : PointKind.Full,
            BasePointId = task.Incremental ? job.Backup!.BasePointId : null,
            FallbackReason = task.Incremental || !job.Backup!.Incremental ? null : task.ModeReason,
            Statistics = StatisticsOf([task]),
            Properties = FactsOf(task, domains.FirstOrDefault(domain => domain.Id == disk.StorageDomainId)?.Name ?? ""),
        };
    }

    private static async Task<IReadOnlyDictionary<string, string>> FactsAsync(StepContext step, EngineVm vm, CancellationToken cancellationToken)
    {
        var job = step.Job;
        var manager = await step.Database.Managers.AsNoTracking().FirstOrDefaultAsync(row => row.Id == job.ManagerId, cancellationToken);
        var cluster = await step.Database.Inventory.AsNoTracking()
            .Where(item => item.ManagerId == job.ManagerId && item.Kind == InventoryKind.Cluster && item.ObjectId == vm.ClusterId)
            .Select(item => item.Name)
            .FirstOrDefaultAsync(cancellationToken);
        var facts = new Dictionary<string, string>
        {
            [PointFacts.ManagerName] = manager?.Name ?? "",
            [PointFacts.ManagerUrl] = manager?.Url ?? "",
            [PointFacts.Product] = manager?.Product ?? "",
            [PointFacts.ProductVersion] = manager?.ProductVersion ?? "",
            [PointFacts.Cluster] = cluster ?? "",
            [PointFacts.ClusterId] = vm.ClusterId.ToString("D"),
            [PointFacts.Vm] = JsonSerializer.Serialize(vm, JsonColumn.Options),
            [PointFacts.TransportReason] = job.Backup!.TransportReason,
            [PointFacts.ModeReason] = job.Backup!.ModeReason,
            [PointFacts.Warnings] = JsonSerializer.Serialize(job.Warnings, JsonColumn.Options),
            [PointFacts.TraceParent] = job.TraceParent ?? "",
        };
        if (await step.Database.FindDocumentAsync(job.Id, JobDocument.Metadata, cancellationToken) is { } metadata)
        {
            facts[PointFacts.Metadata] = metadata;
        }

        return facts;
    }

    private static Dictionary<string, long> StatisticsOf(IReadOnlyCollection<DiskTask> tasks) => new()
    {
        [PointFacts.Total] = tasks.Sum(task => task.Statistics.TotalBytes),
        [PointFacts.Read] = tasks.Sum(task => task.Statistics.ReadBytes),
        [PointFacts.Zero] = tasks.Sum(task => task.Statistics.ZeroBytes),
        [PointFacts.Deduplicated] = tasks.Sum(task => task.Statistics.DeduplicatedBytes),
        [PointFacts.Sent] = tasks.Sum(task => task.Statistics.SentBytes),
        [PointFacts.Stored] = tasks.Sum(task => task.StoredBytes),
    };

    /// <summary>Where it was, and where the time went, readable a year later.</summary>
    private static Dictionary<string, string> FactsOf(DiskTask task, string storageDomain)
    {
        var facts = task.Statistics.Stages.ToDictionary(
            stage => $"stage.{stage.Stage}", stage => $"busy {stage.Busy.TotalSeconds:F3} s, waiting {stage.Waiting.TotalSeconds:F3} s");
        facts[PointFacts.StorageDomain] = storageDomain;
        facts["bottleneck"] = task.Statistics.Bottleneck;
        facts["route"] = task.Statistics.Route;
        facts["worker"] = task.WorkerId ?? "";
        facts["attempt"] = task.Attempt.ToString();
        return facts;
    }

    private static DateTimeOffset StartOf(Job job) => job.Tasks.Min(task => task.Started) ?? job.Created;

    private static DateTimeOffset EndOf(Job job, DateTimeOffset now) => job.Tasks.Max(task => task.Ended) ?? now;

    private static PointConsistency ConsistencyOf(string name) => name switch
    {
        PointConsistencyNames.FileSystem => PointConsistency.FileSystemConsistent,
        PointConsistencyNames.Crash => PointConsistency.CrashConsistent,
        PointConsistencyNames.PoweredOff => PointConsistency.PoweredOff,
        _ => PointConsistency.Unknown,
    };
}
