// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.S3;

namespace OvirtDistributed.DataMover.Configuration;

/// <summary>One repository this Data Mover serves. Configuration section <c>DataMover:Repositories:NAME</c>.</summary>
public sealed class RepositoryOptions
{
    /// <summary>Absolute directory on a local or mounted file system that keeps the promises of fsync and atomic rename. Exactly one of it and <see cref="S3"/>.</summary>
    public string? Path { get; set; }

    /// <summary>A bucket. Exactly one of it and <see cref="Path"/>.</summary>
    public S3StorageOptions? S3 { get; set; }

    /// <summary>
    /// True: the content of every chunk that arrives is compared with its digest, so that a broken worker cannot spoil data others share;
    /// costs about a core second per GiB. False: checksums only. Default true.
    /// </summary>
    public bool VerifyDigests { get; set; } = true;

    /// <summary>
    /// Days for which every new restore point is locked from its commit on: nothing and nobody removes it earlier through this Data Mover. 0 = not
    /// locked, at most 3653. Default 0.
    /// </summary>
    public int LockDays { get; set; }

    public CollectionOptions GarbageCollection { get; set; } = new();

    public RewritingOptions Rewriting { get; set; } = new();
}
