// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Points;

/// <summary>A restore point as its name tells; the rest is in its <see cref="VmManifest"/>.</summary>
public sealed record PointInfo
{
    public required string ManagerId { get; init; }

    public required string VmId { get; init; }

    public required string PointId { get; init; }

    public required string JobId { get; init; }

    /// <summary>The moment the point shows, UTC, to the millisecond.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The object in the repository: points/manager/vm/time_point_job.json.</summary>
    public required string Path { get; init; }
}
