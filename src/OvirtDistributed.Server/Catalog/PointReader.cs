// SPDX-License-Identifier: Apache-2.0

using System.Text;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Catalog;

/// <summary>Reads manifests and what hangs on them from the repositories, proven with their keys.</summary>
internal sealed class PointReader(IDataMover mover, RepositoryKeys keys)
{
    /// <summary>Null when the repository has no such point.</summary>
    /// <exception cref="MoverException">The Data Mover's failures; the manifest is damaged; the key is missing.</exception>
    public async Task<VmManifest?> FindAsync(StoredRepository repository, string pointId, CancellationToken cancellationToken)
    {
        var content = await keys.RequireAsync(repository, cancellationToken);
        return await mover.FindPointAsync(repository.Address(), pointId, cancellationToken) is { } stored ? PointCatalog.Read(stored, content) : null;
    }

    /// <summary>The OVF of a point; empty when it has none.</summary>
    /// <exception cref="MoverException">The Data Mover's failures; the blob is damaged or lost; the key is missing.</exception>
    public async Task<string> ReadOvfAsync(StoredRepository repository, VmManifest manifest, CancellationToken cancellationToken)
    {
        var blob = manifest.Blobs.FirstOrDefault(blob => blob.Name == PointFacts.Ovf);
        if (blob is null)
        {
            return manifest.Properties.GetValueOrDefault(PointFacts.Ovf, ""); // points of the first versions
        }

        var content = await keys.RequireAsync(repository, cancellationToken);
        try
        {
            var frame = await mover.ReadBlobFrameAsync(repository.Address(), manifest.PointId, blob.Name, cancellationToken);
            return Encoding.UTF8.GetString(MetadataFrame.Read(blob, frame.Span, content));
        }
        catch (MoverException failure) when (failure.Failure is MoverFailure.Damaged or MoverFailure.MissingFrames)
        {
            throw Lost(repository, manifest, failure);
        }
        catch (RepositoryException failure)
        {
            throw Lost(repository, manifest, failure);
        }
    }

    /// <summary>A digest says nothing to an operator: this says what is lost, what is not, and what brings it back.</summary>
    private static MoverException Lost(StoredRepository repository, VmManifest manifest, Exception failure) => new(
        MoverFailure.Damaged,
        $"The configuration (OVF) of VM {manifest.VmName} in restore point {manifest.PointId} of repository {repository.Name} is damaged, so it cannot be restored as a VM: {failure.Message.TrimEnd('.')}. "
        + $"Its disks can be, each with: ovd restore disk {manifest.PointId} DISK. The next backup of the VM stores its configuration again, and this point heals with it where that has not changed since; a copy of the point in another repository has its own.",
        failure);
}
