// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Text;

namespace OvirtDistributed.Server.Exports;

/// <summary>A restore's way through an export domain.</summary>
/// <param name="DomainId">The export domain.</param>
/// <param name="DomainName">Its name.</param>
/// <param name="Location"><c>address:path</c>, as hosts mount it.</param>
/// <param name="WorkerClusterId">Whose workers write it.</param>
/// <param name="VmId">The VM's id there; the one that is imported has another.</param>
internal sealed record RestoreExport(Guid DomainId, string DomainName, string Location, Guid WorkerClusterId, Guid VmId)
{
    /// <summary>The import was asked for: never twice.</summary>
    public bool ImportRequested { get; init; }

    /// <summary>The only volume of the image of a task; the image has the task's id. The same for every attempt, so that the OVF holds from the first one on.</summary>
    public static Guid VolumeOf(Guid taskId) => new(SHA256.HashData(Encoding.UTF8.GetBytes($"export-volume/{taskId:D}")).AsSpan(0, 16));
}
