// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>
/// A digest over the digests of the image's blocks: the image is cut into blocks of <paramref name="BlockSizeBytes"/> (the last may be short),
/// each is digested, and the concatenated digests are digested again.
/// </summary>
/// <param name="Algorithm">Such as sha256, or blake2b with 32 bytes.</param>
/// <param name="BlockSizeBytes">1 to 16 MiB, a multiple of 4096.</param>
/// <param name="Digest">Lower-case hexadecimal.</param>
public sealed record ImageChecksum(string Algorithm, long BlockSizeBytes, string Digest);
