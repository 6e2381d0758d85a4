// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Encryption;

namespace OvirtDistributed.Repository.Points;

/// <summary>The stored form of a manifest.</summary>
public static class ManifestCodec
{
    private const string Format = "point";

    /// <summary>The bytes of the object in the repository.</summary>
    /// <param name="manifest">Everything about the point.</param>
    /// <param name="keys">With the key of an encrypted repository: names and properties are encrypted, and the whole is authenticated.</param>
    public static byte[] Write(VmManifest manifest, ContentKeys keys) => TextEnvelope.Write(
        Format, keys.DetailsKey is { } key ? ManifestSeal.Seal(manifest, key) : manifest, RepositoryJson.Default.VmManifest, keys: keys);

    /// <summary>Reads and proves a manifest.</summary>
    /// <param name="name">The object's name, for messages.</param>
    /// <param name="content">Its bytes.</param>
    /// <param name="keys">Of the repository. Without the key of an encrypted one, names and properties stay encrypted.</param>
    /// <exception cref="RepositoryException">Damaged, changed by somebody without the key, or of a newer format; the message names the object.</exception>
    public static VmManifest Read(string name, ReadOnlySpan<byte> content, ContentKeys keys)
    {
        var manifest = TextEnvelope.Read(name, content, Format, RepositoryJson.Default.VmManifest, keys: keys);
        try
        {
            foreach (var disk in manifest.Disks)
            {
                disk.Root.Validate();
            }
        }
        catch (RepositoryException exception)
        {
            throw RepositoryException.Damaged($"{name}: {exception.Message}", exception);
        }

        return keys.DetailsKey is { } key ? ManifestSeal.Open(name, manifest, key) : manifest;
    }
}
