// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Text;

namespace OvirtDistributed.Server.Jobs.Copy;

/// <summary>What a copy job was asked and what it decided. The job's repository is the target.</summary>
internal sealed record CopyDetails
{
    public required Guid SourceRepositoryId { get; init; }

    public required string SourcePointId { get; init; }

    /// <summary>0 = as fast as it goes.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>Incremental: an earlier point of the source ...</summary>
    public string? SourceBasePointId { get; init; }

    /// <summary>... and its copy in the target.</summary>
    public string? BasePointId { get; init; }

    public int RefusedCommits { get; init; }

    /// <summary>
    /// The id of a point's copy in a repository: always the same, so that a point is there at most once, and so that the copies of
    /// earlier points are found without a list.
    /// </summary>
    public static string PointIdOf(string sourcePointId, Guid targetRepositoryId) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"copy of {sourcePointId} in {targetRepositoryId:N}")).AsSpan(0, 16));
}
