// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OvirtDistributed.Repository.Encryption;

namespace OvirtDistributed.Repository.Points;

/// <summary>
/// Moves the private part of a manifest into an encrypted field and back: nonce 12, AES-256-GCM, tag 16, bound to the point. The nonce is random:
/// a key of its own, used once a point, stays far below the 2^32 uses that a random nonce allows.
/// </summary>
internal static class ManifestSeal
{
    private const int NonceLength = 12;
    private const int TagLength = 16;

    /// <summary>A manifest that says in the open only what a Data Mover must know.</summary>
    public static VmManifest Seal(VmManifest manifest, byte[] key)
    {
        var details = new ManifestDetails
        {
            VmName = manifest.VmName,
            FallbackReason = manifest.FallbackReason,
            ConsistencyDetail = manifest.ConsistencyDetail,
            SkippedDisks = manifest.SkippedDisks,
            Properties = manifest.Properties,
            Disks = [.. manifest.Disks.Select(disk => new ManifestDetails.DiskDetails { Alias = disk.Alias, FallbackReason = disk.FallbackReason, Properties = disk.Properties })],
        };
        var plain = JsonSerializer.SerializeToUtf8Bytes(details, RepositoryJson.Default.ManifestDetails);
        var sealedBytes = new byte[NonceLength + plain.Length + TagLength];
        RandomNumberGenerator.Fill(sealedBytes.AsSpan(0, NonceLength));
        using var cipher = new AesGcm(key, TagLength);
        cipher.Encrypt(
            sealedBytes.AsSpan(0, NonceLength), plain, sealedBytes.AsSpan(NonceLength, plain.Length), sealedBytes.AsSpan(NonceLength + plain.Length), Bound(manifest));
        return Merge(manifest, new ManifestDetails()) with { Sealed = sealedBytes };
    }

    /// <exception cref="RepositoryException">The field was changed, or is of another point or key.</exception>
    public static VmManifest Open(string name, VmManifest manifest, byte[] key)
    {
        var bytes = manifest.Sealed.Span;
        if (bytes.Length < NonceLength + TagLength)
        {
            throw RepositoryException.Damaged($"{name}: its encrypted details are missing");
        }

        var plain = new byte[bytes.Length - NonceLength - TagLength];
        try
        {
            using var cipher = new AesGcm(key, TagLength);
            cipher.Decrypt(bytes[..NonceLength], bytes[NonceLength..^TagLength], bytes[^TagLength..], plain, Bound(manifest));
            var details = JsonSerializer.Deserialize(plain, RepositoryJson.Default.ManifestDetails)!;
            return Merge(manifest, details) with { Sealed = default };
        }
        catch (Exception failure) when (failure is CryptographicException or JsonException)
        {
            throw RepositoryException.Damaged($"{name}: its encrypted details cannot be read: {failure.Message}", failure);
        }
    }

    private static VmManifest Merge(VmManifest manifest, ManifestDetails details) => manifest with
    {
        VmName = details.VmName,
        FallbackReason = details.FallbackReason,
        ConsistencyDetail = details.ConsistencyDetail,
        SkippedDisks = details.SkippedDisks,
        Properties = details.Properties,
        Disks = [.. manifest.Disks.Select((disk, i) => Merge(disk, i < details.Disks.Count ? details.Disks[i] : new ManifestDetails.DiskDetails()))],
    };

    private static ManifestDisk Merge(ManifestDisk disk, ManifestDetails.DiskDetails details) =>
        disk with { Alias = details.Alias, FallbackReason = details.FallbackReason, Properties = details.Properties };

    private static byte[] Bound(VmManifest manifest) => Encoding.UTF8.GetBytes($"{manifest.ManagerId}/{manifest.VmId}/{manifest.PointId}/{manifest.JobId}");
}
