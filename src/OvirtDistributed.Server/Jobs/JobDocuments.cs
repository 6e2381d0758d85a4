// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Jobs;

internal static class JobDocuments
{
    /// <summary>Adds or replaces a document; saved with the step.</summary>
    public static async Task PutDocumentAsync(this ServerDbContext context, Guid jobId, string name, string content, CancellationToken cancellationToken)
    {
        var found = await context.JobDocuments.FindAsync([jobId, name], cancellationToken);
        if (found is null)
        {
            context.JobDocuments.Add(new JobDocument { JobId = jobId, Name = name, Content = content });
        }
        else
        {
            found.Content = content;
        }
    }

    /// <exception cref="InvalidOperationException">An earlier step did not write it.</exception>
    public static async Task<string> DocumentAsync(this ServerDbContext context, Guid jobId, string name, CancellationToken cancellationToken) =>
        await context.FindDocumentAsync(jobId, name, cancellationToken) ?? throw new InvalidOperationException($"Job {jobId} has no document '{name}'.");

    /// <summary>Null when no step wrote it.</summary>
    public static Task<string?> FindDocumentAsync(this ServerDbContext context, Guid jobId, string name, CancellationToken cancellationToken) =>
        context.JobDocuments.AsNoTracking()
            .Where(document => document.JobId == jobId && document.Name == name)
            .Select(document => document.Content)
            .FirstOrDefaultAsync(cancellationToken);
}
