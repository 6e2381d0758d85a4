// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Chunking;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;
using CompressionProfile = OvirtDistributed.Contracts.Mover.V1.CompressionProfile;
using DiskRoot = OvirtDistributed.Repository.Maps.DiskRoot;
using RepositoryParameters = OvirtDistributed.Repository.RepositoryParameters;
using StoredProfile = OvirtDistributed.Repository.Frames.CompressionProfile;
using WireParameters = OvirtDistributed.Contracts.Mover.V1.RepositoryParameters;
using WireRoot = OvirtDistributed.Contracts.Mover.V1.DiskRoot;

namespace OvirtDistributed.DataMover.Sessions;

/// <summary>Between the messages of the .proto and the types of the repository.</summary>
internal static class WireForms
{
    private const int FormatVersion = 1;

    public static WireParameters ToWire(RepositoryParameters parameters) => new()
    {
        RepositoryId = parameters.RepositoryId.ToString(),
        FormatVersion = FormatVersion,
        ChunkSalt = ByteString.CopyFrom(parameters.Chunker.Salt.Span),
        ChunkMinBytes = parameters.Chunker.MinimumSize,
        ChunkAverageBytes = parameters.Chunker.AverageSize,
        ChunkMaxBytes = parameters.Chunker.MaximumSize,
        MapPageSpanBytes = MapGeometry.PageBytes,
        MapNodeChildren = MapGeometry.FanOut,
        Encrypted = parameters.Encryption is not null,
        KeySetId = parameters.Encryption?.KeySetId.ToString("D") ?? "",
        KeyCheck = ByteString.CopyFrom(parameters.Encryption is { } encryption ? encryption.KeyCheck.Span : []),
        Compression = parameters.Compression switch
        {
            StoredProfile.Fast => CompressionProfile.Fast,
            StoredProfile.Dense => CompressionProfile.Dense,
            StoredProfile.Stored => CompressionProfile.Stored,
            _ => CompressionProfile.Default,
        },
    };

    /// <summary>How another repository cuts disks.</summary>
    /// <exception cref="OperatorException">A value cannot be.</exception>
    public static ChunkerParameters ToChunker(WireParameters parameters)
    {
        if (parameters.MapPageSpanBytes != MapGeometry.PageBytes || parameters.MapNodeChildren != MapGeometry.FanOut)
        {
            throw OperatorException.Invalid("replica_of", parameters.RepositoryId, "its maps have another form than this Data Mover writes: update it.");
        }

        var chunker = new ChunkerParameters
        {
            Salt = parameters.ChunkSalt.ToByteArray(),
            MinimumSize = parameters.ChunkMinBytes,
            AverageSize = parameters.ChunkAverageBytes,
            MaximumSize = parameters.ChunkMaxBytes,
        };
        try
        {
            chunker.Validate();
            return chunker;
        }
        catch (RepositoryException failure)
        {
            throw OperatorException.Invalid("replica_of", parameters.RepositoryId, failure.Message);
        }
    }

    /// <summary>Null for none.</summary>
    /// <exception cref="OperatorException">A value cannot be.</exception>
    public static EncryptionParameters? ToEncryption(RepositoryEncryption? encryption)
    {
        if (encryption is null)
        {
            return null;
        }

        var check = encryption.KeyCheck.Length == EncryptionParameters.KeyCheckLength
            ? encryption.KeyCheck.ToByteArray()
            : throw OperatorException.Invalid("encryption.key_check", $"{encryption.KeyCheck.Length} bytes", $"it has {EncryptionParameters.KeyCheckLength} bytes.");
        return Guid.TryParse(encryption.KeySetId, out var keySet) && keySet != Guid.Empty
            ? new EncryptionParameters { KeySetId = keySet, KeyCheck = check }
            : throw OperatorException.Invalid("encryption.key_set_id", encryption.KeySetId, "give the id of the repository key.");
    }

    public static WireRoot ToWire(DiskRoot root) => new()
    {
        Digest = ByteString.CopyFrom(root.Digest.ToArray()),
        Levels = root.Levels,
        SizeBytes = root.DiskSize,
    };

    public static ByteRange ToWire(DiskRange range) => new() { OffsetBytes = range.Offset, LengthBytes = range.Length };

    public static DiskRoot ToRoot(WireRoot? root)
    {
        if (root is null)
        {
            throw OperatorException.Invalid("root", "", "give the digest, levels and size of the finished disk.");
        }

        return new DiskRoot(ToDigest(root.Digest, "root.digest"), root.Levels, root.SizeBytes);
    }

    public static ChunkDigest ToDigest(ByteString bytes, string field) => bytes.Length == ChunkDigest.Size
        ? new ChunkDigest(bytes.Span)
        : throw OperatorException.Invalid(field, $"{bytes.Length} bytes", $"a digest has {ChunkDigest.Size} bytes.");

    /// <summary>How many digests a field of digests holds.</summary>
    /// <exception cref="OperatorException">Its length is not a multiple of a digest's, or it holds too many.</exception>
    public static int CountDigests(ByteString bytes, string field, int most)
    {
        var count = bytes.Length / ChunkDigest.Size;
        if (bytes.Length % ChunkDigest.Size != 0 || count > most)
        {
            throw OperatorException.Invalid(field, $"{bytes.Length} bytes", $"give at most {most} digests of {ChunkDigest.Size} bytes, one after the other.");
        }

        return count;
    }

    /// <summary>A field that must not be empty.</summary>
    public static string Required(string value, string field) =>
        value.Length > 0 ? value : throw OperatorException.Invalid(field, value, "it must not be empty.");
}
