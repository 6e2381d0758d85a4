// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;

namespace OvirtDistributed.Repository.S3;

/// <summary>The content of a lock object. Released leases stay as objects: a conditional removal is not everywhere, a conditional write is.</summary>
/// <param name="Owner">Of this taking alone.</param>
/// <param name="Process">For people.</param>
/// <param name="Expires">When it ends by itself.</param>
/// <param name="Released">Whether it was given back.</param>
/// <param name="Confirmed">False while its owner still looks whether somebody else has the lease (<see cref="S3VersionedLease"/>).</param>
internal sealed record S3LeaseRecord(Guid Owner, string Process, DateTimeOffset Expires, bool Released, bool Confirmed = true)
{
    public const int MaxLength = 4096;

    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, S3LeaseJson.Default.S3LeaseRecord);

    /// <summary>Reads what is in the object.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.Damaged"/>: it is no lease.</exception>
    public static S3LeaseRecord Require(ReadOnlySpan<byte> content, S3Bucket bucket, string key)
    {
        try
        {
            if (JsonSerializer.Deserialize(content, S3LeaseJson.Default.S3LeaseRecord) is { } record)
            {
                return record;
            }
        }
        catch (JsonException)
        {
            // Said below.
        }

        throw new RepositoryException(
            RepositoryError.Damaged, $"{bucket.Description}: the lock object {key} cannot be read; when no Data Mover serves the repository, remove it");
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(S3LeaseRecord))]
internal sealed partial class S3LeaseJson : JsonSerializerContext;
