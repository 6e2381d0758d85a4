// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;

namespace OvirtDistributed.Repository.S3;

/// <summary>The content of a lock object. Released leases stay as objects: a conditional removal is not everywhere, a conditional write is.</summary>
internal sealed record S3LeaseRecord(Guid Owner, string Process, DateTimeOffset Expires, bool Released)
{
    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, S3LeaseJson.Default.S3LeaseRecord);

    /// <summary>Null when the bytes are none.</summary>
    public static S3LeaseRecord? Read(ReadOnlySpan<byte> content)
    {
        try
        {
            return JsonSerializer.Deserialize(content, S3LeaseJson.Default.S3LeaseRecord);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(S3LeaseRecord))]
internal sealed partial class S3LeaseJson : JsonSerializerContext;
