// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Points;

/// <summary>Everything about a restore point. Written last, once, and the truth about it; any catalog only follows.</summary>
/// <remarks>Fields are only ever added. A reader of an older program ignores what it does not know.</remarks>
public sealed record VmManifest
{
    /// <summary>Chosen by the server; letters, digits, '-' and '.', at most 64.</summary>
    public required string PointId { get; init; }

    /// <summary>The manager the VM belongs to; the same characters.</summary>
    public required string ManagerId { get; init; }

    public required string VmId { get; init; }

    public string VmName { get; init; } = "";

    /// <summary>The moment the point shows, UTC.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The job that made it; at most one point per job (invariant 10).</summary>
    public required string JobId { get; init; }

    public PointKind Kind { get; init; }

    /// <summary>How the bytes left the manager, for example "cbt".</summary>
    public string? TransportMode { get; init; }

    /// <summary>The backup or snapshot at the manager that was read.</summary>
    public string? EngineBackupId { get; init; }

    /// <summary>The checkpoint a next incremental can start from.</summary>
    public string? CheckpointId { get; init; }

    /// <summary>The checkpoint this incremental started from.</summary>
    public string? FromCheckpointId { get; init; }

    /// <summary>Why a full was made where an incremental was wanted; null when nothing was amiss.</summary>
    public string? FallbackReason { get; init; }

    public PointConsistency Consistency { get; init; }

    /// <summary>What was said about consistency, for people.</summary>
    public string? ConsistencyDetail { get; init; }

    public required IReadOnlyList<ManifestDisk> Disks { get; init; }

    /// <summary>Metadata stored beside the disks: OVF and the like.</summary>
    public IReadOnlyList<ManifestBlob> Blobs { get; init; } = [];

    /// <summary>Disks of the VM that are not in the point: disk id and reason.</summary>
    public IReadOnlyDictionary<string, string> SkippedDisks { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// In an encrypted repository, as it is stored: names, properties and reasons, encrypted; the fields themselves are empty then.
    /// Empty in a manifest that was read with the key.
    /// </summary>
    public ReadOnlyMemory<byte> Sealed { get; init; }

    /// <summary>W3C trace id of the job.</summary>
    public string? TraceId { get; init; }

    public IReadOnlyList<ManifestStage> Stages { get; init; } = [];

    /// <summary>Figures of the whole job, by name.</summary>
    public IReadOnlyDictionary<string, long> Statistics { get; init; } = new Dictionary<string, long>();

    /// <summary>Further facts, by name: product and version of the manager, tags, cluster.</summary>
    public IReadOnlyDictionary<string, string> Properties { get; init; } = new Dictionary<string, string>();
}
