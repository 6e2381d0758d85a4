// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store;

/// <content>Key slots: opaque to the process that keeps them.</content>
public sealed partial class RepositoryStore
{

    /// <summary>The slots, oldest first. A slot that cannot be read is left out and told to the log: the others still open the repository.</summary>
    public async Task<IReadOnlyList<KeySlot>> ListKeySlotsAsync(CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        var slots = new List<KeySlot>();
        await foreach (var name in _storage.ListAsync(RepositoryFile.KeyFolder, cancellationToken))
        {
            try
            {
                if (await RepositoryFile.ReadTextAsync(_storage, name.Name, cancellationToken) is { } content)
                {
                    slots.Add(KeySlotCodec.Read(name.Name, content));
                }
            }
            catch (RepositoryException failure) when (failure.Error is RepositoryError.Damaged or RepositoryError.NewerFormat)
            {
                Log.ProblemFound(_logger, failure.Message);
            }
        }

        return [.. slots.OrderBy(slot => slot.Created).ThenBy(slot => slot.Id)];
    }

    /// <summary>Adds a slot, durably. Idempotent for the same slot.</summary>
    /// <exception cref="RepositoryException">The repository is not encrypted, or the slot is of another key.</exception>
    public async Task AddKeySlotAsync(KeySlot slot, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        RequireKeySet(slot);
        await _storage.PutAsync(NameOf(slot.Id), KeySlotCodec.Write(slot), StoragePutMode.CreateOnly, cancellationToken);
    }

    /// <summary>Removes a slot, durably. Idempotent.</summary>
    /// <returns>False when there was no such slot.</returns>
    /// <exception cref="RepositoryException">It is the last one: add another first. <see cref="RepositoryError.PointLocked"/> while a point is locked.</exception>
    public async Task<bool> RemoveKeySlotAsync(Guid slotId, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        using var held = await _locks.EnterAsync("key slots", cancellationToken);
        var slots = await ListKeySlotsAsync(cancellationToken);
        if (slots.All(slot => slot.Id != slotId))
        {
            return false;
        }

        if (slots.Count == 1)
        {
            throw RepositoryException.Invalid($"key slot {slotId}: it is the last one; add another first, so that the backups can be read without the backup server");
        }

        // Without a key a locked point is as good as removed.
        if (_state.Locks.All.Select(record => LockedUntil(record.PointId)).Max() is { } until)
        {
            throw new RepositoryException(
                RepositoryError.PointLocked, $"key slot {slotId}: restore points are locked until {until:u} at the latest, and no key slot can be removed before; adding slots is possible");
        }

        await _storage.DeleteAsync(NameOf(slotId), CancellationToken.None);
        return true;
    }

    private static string NameOf(Guid slotId) => $"{RepositoryFile.KeyFolder}/{slotId:D}.json";

    private void RequireKeySet(KeySlot slot)
    {
        if (Parameters.Encryption is not { } encryption)
        {
            throw RepositoryException.Invalid("key slot: the repository is not encrypted; encryption is chosen when a repository is created");
        }

        if (encryption.KeySetId != slot.KeySetId)
        {
            throw RepositoryException.Invalid($"key slot {slot.Id}: it holds key set {slot.KeySetId}, the repository has {encryption.KeySetId}");
        }
    }
}
