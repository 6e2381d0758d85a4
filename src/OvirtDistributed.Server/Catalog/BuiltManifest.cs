// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Catalog;

/// <summary>A manifest ready to be committed.</summary>
/// <param name="Stored">In its stored form, authenticated in an encrypted repository.</param>
/// <param name="Frames">The encoded frames of its metadata blobs.</param>
internal sealed record BuiltManifest(ReadOnlyMemory<byte> Stored, IReadOnlyList<ReadOnlyMemory<byte>> Frames);
