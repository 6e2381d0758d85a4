// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Points;

/// <summary>Digests as 64 hexadecimal digits.</summary>
internal sealed class DigestConverter : JsonConverter<ChunkDigest>
{
    public override ChunkDigest Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        try
        {
            return ChunkDigest.Parse(reader.GetString() ?? "");
        }
        catch (RepositoryException exception)
        {
            throw new JsonException(exception.Message, exception);
        }
    }

    public override void Write(Utf8JsonWriter writer, ChunkDigest value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
