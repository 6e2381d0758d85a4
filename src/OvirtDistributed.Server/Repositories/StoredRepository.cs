// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Repositories;

/// <summary>A repository and the Data Mover that serves it.</summary>
internal sealed class StoredRepository
{
    public required Guid Id { get; init; }

    public required string Name { get; set; }

    public required string MoverAddress { get; set; }

    /// <summary>Name of the repository in the Data Mover's configuration.</summary>
    public required string MoverRepository { get; set; }

    /// <summary>The id the repository carries in itself.</summary>
    public required string RepositoryUid { get; set; }

    /// <summary>ready, unreachable or failed.</summary>
    public RepositoryCondition Condition { get; set; } = RepositoryCondition.Ready;

    public string Problem { get; set; } = "";

    public string Location { get; set; } = "";

    public long Points { get; set; }

    public long StoredBytes { get; set; }

    public long FreeBytes { get; set; }

    /// <summary>The key it is encrypted with; null when it is not encrypted.</summary>
    public Guid? KeySetId { get; set; }

    /// <summary>Recipients that can open it without this server.</summary>
    public int KeySlots { get; set; }

    /// <summary>The repository it was made a replica of.</summary>
    public Guid? ReplicaOf { get; init; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? Checked { get; set; }

    public uint Version { get; set; }
}

internal enum RepositoryCondition
{
    Ready,
    Unreachable,
    Failed,
}
