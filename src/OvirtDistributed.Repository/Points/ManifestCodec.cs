// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Points;

/// <summary>The stored form of a manifest.</summary>
public static class ManifestCodec
{
    private const string Format = "point";

    /// <summary>The bytes of the object in the repository.</summary>
    public static byte[] Write(VmManifest manifest) => TextEnvelope.Write(Format, manifest, RepositoryJson.Default.VmManifest);

    /// <summary>Reads and proves a manifest.</summary>
    /// <param name="name">The object's name, for messages.</param>
    /// <param name="content">Its bytes.</param>
    /// <exception cref="RepositoryException">Damaged, or of a newer format; the message names the object.</exception>
    public static VmManifest Read(string name, ReadOnlySpan<byte> content)
    {
        var manifest = TextEnvelope.Read(name, content, Format, RepositoryJson.Default.VmManifest);
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

        return manifest;
    }
}
