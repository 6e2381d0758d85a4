// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Repository.Store.Immutability;

namespace OvirtDistributed.Repository.Points;

/// <summary>The JSON of all text objects. Unknown members are ignored (fields are only ever added), missing required ones are an error.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    Converters = [typeof(DigestConverter), typeof(BytesConverter)])]
[JsonSerializable(typeof(VmManifest))]
[JsonSerializable(typeof(RepositoryParameters))]
[JsonSerializable(typeof(ManifestDetails))]
[JsonSerializable(typeof(KeySlot))]
[JsonSerializable(typeof(PackNumbers))]
[JsonSerializable(typeof(FenceRecord))]
[JsonSerializable(typeof(TombstoneRecord))]
[JsonSerializable(typeof(PointLockRecord))]
[JsonSerializable(typeof(ClockRecord))]
[JsonSerializable(typeof(JournalBegin))]
[JsonSerializable(typeof(QuarantineRecord))]
internal sealed partial class RepositoryJson : JsonSerializerContext;
