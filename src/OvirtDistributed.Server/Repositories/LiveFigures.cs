// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs;

namespace OvirtDistributed.Server.Repositories;

/// <summary>What Data Movers say of their repositories at this moment, for an operator who waits: what does not answer at once is left out.</summary>
internal sealed class LiveFigures(IDataMover mover, TimeProvider time)
{
    // Operators look at a list while a Data Mover is down, and shells that complete a name wait two seconds for the whole of it.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1.5);

    /// <summary>The answers, by repository. One that does not answer in time, is not ready or is another repository now has none: the stored row tells of it.</summary>
    public async Task<IReadOnlyDictionary<Guid, MoverRepositoryStatus>> ReadAsync(IReadOnlyList<StoredRepository> repositories, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var answers = await Task.WhenAll(repositories.Select(repository => ReadAsync(repository, ends.Token)));
        cancellationToken.ThrowIfCancellationRequested();
        return repositories.Zip(answers).Where(pair => pair.Second is not null).ToDictionary(pair => pair.First.Id, pair => pair.Second!);
    }

    private async Task<MoverRepositoryStatus?> ReadAsync(StoredRepository repository, CancellationToken cancellationToken)
    {
        try
        {
            var status = await mover.ReadStatusAsync(repository.Address(), cancellationToken);
            return status.Ready && status.RepositoryUid == repository.RepositoryUid && status.Encryption?.KeySetId == repository.KeySetId ? status : null;
        }
        catch (Exception failure) when (failure is MoverException or OperationCanceledException)
        {
            return null;
        }
    }
}
