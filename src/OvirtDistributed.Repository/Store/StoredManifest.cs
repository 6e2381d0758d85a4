// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Points;

namespace OvirtDistributed.Repository.Store;

/// <summary>A manifest and the bytes it was read from.</summary>
/// <param name="Manifest">As far as this process can read it.</param>
/// <param name="Bytes">The stored form, which who has the key can prove.</param>
public sealed record StoredManifest(VmManifest Manifest, ReadOnlyMemory<byte> Bytes);
