// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.S3;

/// <summary>The object behind a lease: of all that want it, one has it.</summary>
internal interface IS3LeaseObject
{
    /// <summary>Takes it when nobody else has it.</summary>
    /// <param name="mine">What to write.</param>
    /// <param name="isFree">Whether what another process wrote does not count any more.</param>
    /// <param name="cancellationToken">Gives up; the state is unknown then, and whatever was written ends by itself.</param>
    Task<bool> TryTakeAsync(S3LeaseRecord mine, Func<S3LeaseRecord, bool> isFree, CancellationToken cancellationToken);

    /// <summary>Writes again what is this process's.</summary>
    /// <param name="mine">What to write.</param>
    /// <param name="isFree">As above.</param>
    /// <param name="cancellationToken">Gives up; the state is unknown then.</param>
    /// <returns>False when somebody else has it.</returns>
    Task<bool> TryRenewAsync(S3LeaseRecord mine, Func<S3LeaseRecord, bool> isFree, CancellationToken cancellationToken);
}
