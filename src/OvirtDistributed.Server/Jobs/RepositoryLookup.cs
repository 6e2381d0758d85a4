// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs;

internal static class RepositoryLookup
{
    /// <summary>Where the job's repository is.</summary>
    /// <exception cref="JobFailureException">It was removed.</exception>
    public static async Task<StoredRepository> RepositoryOfAsync(this ServerDbContext context, Job job, CancellationToken cancellationToken) =>
        await context.Repositories.AsNoTracking().FirstOrDefaultAsync(row => row.Id == job.RepositoryId, cancellationToken)
            ?? throw new JobFailureException($"The repository {job.RepositoryId} of the job is not known any more: add it again.");

    public static MoverAddress Address(this StoredRepository repository) => new(repository.MoverAddress, repository.MoverRepository);
}
