// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;

namespace OvirtDistributed.Worker.Rescue;

/// <summary>A disk of a restore point to be read, and where else the same disk is.</summary>
internal sealed record PointDiskOrder
{
    public required MoverTarget Mover { get; init; }

    public required string PointId { get; init; }

    /// <summary>The disk in the point; the same in its copies.</summary>
    public required string DiskId { get; init; }

    public required string TaskId { get; init; }

    public required long FencingToken { get; init; }

    /// <summary>As the authenticated manifest says; null in orders of older servers.</summary>
    public DiskRoot? Root { get; init; }

    /// <summary>Best first.</summary>
    public IReadOnlyList<PointCopy> Copies { get; init; } = [];

    /// <summary>The state of its own repository is what is asked for.</summary>
    public bool NeedsOwn { get; init; }

    /// <summary>True when it can be read without its own repository.</summary>
    public bool CanDoWithout => !NeedsOwn && Copies.Count > 0 && Root is { Digest.Length: > 0 };

    public OpenReadRequest Request() => new()
    {
        Repository = Mover.Repository,
        PointId = PointId,
        DiskId = DiskId,
        TaskId = TaskId,
        FencingToken = FencingToken,
    };

    public override string ToString() => $"disk {DiskId} of point {PointId}";
}
