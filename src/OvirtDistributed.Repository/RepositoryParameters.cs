// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Chunking;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository;

/// <summary>What every writer and reader of a repository must know. Fixed at creation; a replica inherits it.</summary>
public sealed record RepositoryParameters
{
    /// <summary>Names the repository for ever, also after it has moved.</summary>
    public required Guid RepositoryId { get; init; }

    /// <summary>How disks are cut.</summary>
    public required ChunkerParameters Chunker { get; init; }

    /// <summary>What writers use unless told otherwise.</summary>
    public CompressionProfile Compression { get; init; } = CompressionProfile.Default;

    /// <summary>Packs are sealed at this many bytes. Default 128 MiB; 64 MiB suits object stores.</summary>
    public int PackSize { get; init; } = 128 << 20;

    /// <summary>Null: chunks and metadata are stored readable. The cut salt of an encrypted repository comes from the key; the one here is zero.</summary>
    public EncryptionParameters? Encryption { get; init; }

    /// <summary>Random salt, new id, default sizes.</summary>
    public static RepositoryParameters CreateRandom() => new() { RepositoryId = Guid.NewGuid(), Chunker = ChunkerParameters.CreateRandom() };

    /// <exception cref="RepositoryException">A value is out of range.</exception>
    internal void Validate()
    {
        Chunker.Validate();
        Encryption?.Validate();
        if (PackSize is < 1 << 20 or > 1 << 30)
        {
            throw RepositoryException.Invalid($"pack size: {PackSize}, must be between 1 MiB and 1 GiB");
        }
    }
}
