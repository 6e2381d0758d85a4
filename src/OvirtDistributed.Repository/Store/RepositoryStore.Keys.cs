// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store;

/// <content>Key slots: opaque to the process that keeps them.</content>
public sealed partial class RepositoryStore
{
    /// <summary>The slots that can be read, oldest first.</summary>
    public async Task<IReadOnlyList<KeySlot>> ListKeySlotsAsync(CancellationToken cancellationToken) => (await ReadKeySlotsAsync(cancellationToken)).Slots;

    /// <summary>The slots, oldest first, and those that cannot be read: whoever relies on one of these cannot open the repository.</summary>
    public Task<KeySlotList> ReadKeySlotsAsync(CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        return ReadKeySlotsAsync(_storage, cancellationToken);
    }

    private static async Task<KeySlotList> ReadKeySlotsAsync(IStorageBackend storage, CancellationToken cancellationToken)
    {
        var (slots, unreadable) = (new List<KeySlot>(), new List<UnreadableKeySlot>());
        await foreach (var item in storage.ListAsync(RepositoryFile.KeyFolder, cancellationToken))
        {
            try
            {
                if (await RepositoryFile.ReadTextAsync(storage, item.Name, cancellationToken) is { } content)
                {
                    slots.Add(KeySlotCodec.Read(item.Name, content));
                }
            }
            catch (RepositoryException failure) when (failure.Error is RepositoryError.Damaged or RepositoryError.NewerFormat)
            {
                unreadable.Add(new UnreadableKeySlot(item.Name, failure.Message));
            }
        }

        return new KeySlotList([.. slots.OrderBy(slot => slot.Created).ThenBy(slot => slot.Id)], unreadable);
    }

    /// <summary>Once, at its opening: a recipient who counts on a slot should not learn in a disaster that it is damaged.</summary>
    private static async Task TellUnreadableSlotsAsync(IStorageBackend storage, ILogger logger, CancellationToken cancellationToken)
    {
        foreach (var slot in (await ReadKeySlotsAsync(storage, cancellationToken)).Unreadable)
        {
            Log.KeySlotUnreadable(logger, slot.Problem);
        }
    }

    /// <summary>Adds a slot, durably. Idempotent for the same slot.</summary>
    /// <exception cref="RepositoryException">The repository is not encrypted, or the slot is of another key.</exception>
    public async Task AddKeySlotAsync(KeySlot slot, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        RequireKeySet(slot);
        await _storage.PutAsync(NameOf(slot.Id), KeySlotCodec.Write(slot), StoragePutMode.CreateOnly, cancellationToken);
    }

    /// <summary>Removes a slot, durably, also one that cannot be read. Idempotent.</summary>
    /// <returns>False when there was no such slot.</returns>
    /// <exception cref="RepositoryException">It is the last one: add another first. <see cref="RepositoryError.PointLocked"/> while a point is locked.</exception>
    public async Task<bool> RemoveKeySlotAsync(Guid slotId, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        using var held = await _locks.EnterAsync("key slots", cancellationToken);
        var (slots, unreadable) = await ReadKeySlotsAsync(cancellationToken);
        var isReadable = slots.Any(slot => slot.Id == slotId);
        if (!isReadable && unreadable.All(slot => slot.Name != NameOf(slotId)))
        {
            return false;
        }

        if (isReadable && slots.Count == 1)
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

/// <summary>The recipients of an encrypted repository's key.</summary>
/// <param name="Slots">Those that can be read, oldest first.</param>
/// <param name="Unreadable">The others.</param>
public sealed record KeySlotList(IReadOnlyList<KeySlot> Slots, IReadOnlyList<UnreadableKeySlot> Unreadable);

/// <summary>A key slot that is damaged, or of a newer program.</summary>
/// <param name="Name">Of the object in the repository.</param>
/// <param name="Problem">What is wrong, with the name.</param>
public sealed record UnreadableKeySlot(string Name, string Problem);
