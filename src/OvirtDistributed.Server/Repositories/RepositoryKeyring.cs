// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Jobs;

namespace OvirtDistributed.Server.Repositories;

/// <summary>What operators do with keys: see and change who can open a repository, take its key out, and give it back.</summary>
internal sealed partial class RepositoryKeyring(
    IDataMover mover, RepositoryKeys keys, PointCatalog catalog, RepositoryMonitor monitor, ILogger<RepositoryKeyring> logger)
{
    public Task<ListedKeySlots> ListAsync(StoredRepository repository, CancellationToken cancellationToken) => CallAsync(repository, async () =>
    {
        var slots = await mover.ListKeySlotsAsync(repository.Address(), cancellationToken);
        return new ListedKeySlots([.. slots.Stored.Select(slot => (KeySlotCodec.Read("key slot", slot.Span), slot))], slots.Problems);
    });

    /// <summary>Adds a slot that was made by the caller.</summary>
    public Task AddAsync(StoredRepository repository, ReadOnlyMemory<byte> stored, CancellationToken cancellationToken) => CallAsync(repository, async () =>
    {
        var slot = KeySlotCodec.Read("slot", stored.Span);
        await mover.AddKeySlotAsync(repository.Address(), stored, cancellationToken);
        await monitor.RefreshFiguresAsync(repository, cancellationToken);
        Log.SlotAdded(logger, slot.Id, slot.Describe(), slot.Label, repository.Name);
        return true;
    });

    /// <returns>False when there was no such slot.</returns>
    public Task<bool> RemoveAsync(StoredRepository repository, Guid slotId, CancellationToken cancellationToken) => CallAsync(repository, async () =>
    {
        var removed = await mover.RemoveKeySlotAsync(repository.Address(), slotId, cancellationToken);
        await monitor.RefreshFiguresAsync(repository, cancellationToken);
        Log.SlotRemoved(logger, slotId, repository.Name, removed);
        return removed;
    });

    /// <summary>The key itself.</summary>
    public Task<RepositoryKey> ExportAsync(StoredRepository repository, CancellationToken cancellationToken) => CallAsync(repository, async () =>
    {
        var key = (await keys.RequireKeyAsync(repository, cancellationToken))!;
        Log.KeyExported(logger, repository.Name);
        return key;
    });

    /// <summary>Takes the key of a repository that this server cannot read, and reads it.</summary>
    public Task ImportAsync(StoredRepository repository, RepositoryKey key, CancellationToken cancellationToken) => CallAsync(repository, async () =>
    {
        var status = await mover.ReadStatusAsync(repository.Address(), cancellationToken);
        key.RequireFits(status.Encryption ?? throw new OperatorException(FailureKind.WrongState, $"Repository {repository.Name} is not encrypted."));
        await keys.PutAsync(key, cancellationToken);
        Log.KeyImported(logger, repository.Name);
        await catalog.RebuildAsync(repository, cancellationToken);
        await monitor.CheckAsync(repository, cancellationToken);
        return true;
    });

    private static async Task<T> CallAsync<T>(StoredRepository repository, Func<Task<T>> call)
    {
        if (repository.KeySetId is null)
        {
            throw new OperatorException(
                FailureKind.WrongState, $"Repository {repository.Name} is not encrypted: encryption is chosen when a repository is created.");
        }

        try
        {
            return await call();
        }
        catch (MoverException failure)
        {
            throw failure.ToOperator();
        }
        catch (RepositoryException failure)
        {
            throw new OperatorException(FailureKind.InvalidInput, failure.Message, failure);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Key slot {SlotId} ({Kind}, {Label}) added to repository {Repository}")]
        public static partial void SlotAdded(ILogger logger, Guid slotId, string kind, string label, string repository);

        [LoggerMessage(LogLevel.Information, "Key slot {SlotId} of repository {Repository} was asked to be removed; it was there: {Removed}")]
        public static partial void SlotRemoved(ILogger logger, Guid slotId, string repository, bool removed);

        [LoggerMessage(LogLevel.Warning, "The key of repository {Repository} was given to an operator")]
        public static partial void KeyExported(ILogger logger, string repository);

        [LoggerMessage(LogLevel.Information, "The key of repository {Repository} was imported")]
        public static partial void KeyImported(ILogger logger, string repository);
    }
}

/// <param name="Slots">Read, and in the stored form.</param>
/// <param name="Problems">Slots that cannot be read, with their names.</param>
internal sealed record ListedKeySlots(IReadOnlyList<(KeySlot Slot, ReadOnlyMemory<byte> Stored)> Slots, IReadOnlyList<string> Problems);
