// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Mover.V1;

namespace OvirtDistributed.Worker.Rescue;

/// <summary>Which repositories hold the same content in the same frames under the same names.</summary>
internal static class ReplicaRule
{
    /// <summary>True when they share key, salt and sizes: a frame of one is a frame of the other.</summary>
    public static bool AreReplicas(RepositoryParameters one, RepositoryParameters other) =>
        one.RepositoryId != other.RepositoryId
        && one.Encrypted == other.Encrypted
        && one.KeySetId == other.KeySetId
        && one.KeyCheck == other.KeyCheck
        && one.ChunkSalt == other.ChunkSalt
        && (one.ChunkMinBytes, one.ChunkAverageBytes, one.ChunkMaxBytes) == (other.ChunkMinBytes, other.ChunkAverageBytes, other.ChunkMaxBytes)
        && (one.MapPageSpanBytes, one.MapNodeChildren) == (other.MapPageSpanBytes, other.MapNodeChildren);
}
