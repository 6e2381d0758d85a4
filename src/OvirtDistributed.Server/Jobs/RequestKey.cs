// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Text.Json;

namespace OvirtDistributed.Server.Jobs;

/// <summary>A caller's id of a request together with what it asks for: the id may come again, but not with another wish.</summary>
/// <param name="Id">Empty: the request is a new one each time.</param>
/// <param name="Fingerprint">Of everything in the request; a digest, because a request may hold secrets.</param>
internal readonly record struct RequestKey(string Id, string Fingerprint)
{
    public static RequestKey Of<T>(string id, T request) =>
        new(id, id.Length == 0 ? "" : Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(request))));
}
