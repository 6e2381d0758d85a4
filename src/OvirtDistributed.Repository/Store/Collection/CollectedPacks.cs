// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Repository.Store.Collection;

/// <summary>At an opening: what tombstones say of packs that are there, and which packs that are not there were collected rather than lost.</summary>
internal sealed class CollectedPacks
{
    private readonly IStorageBackend _storage;
    private readonly PackTable _packs;
    private readonly HashSet<uint> _gone = [];

    private CollectedPacks(IStorageBackend storage, PackTable packs) => (_storage, _packs) = (storage, packs);

    /// <summary>What garbage collection found dispensable stays so: all of it that is in use was durable elsewhere before.</summary>
    public static async Task<CollectedPacks> LoadAsync(IStorageBackend storage, PackTable packs, List<string> problems, CancellationToken cancellationToken)
    {
        var collected = new CollectedPacks(storage, packs);
        foreach (var tombstone in await Tombstones.ReadAllAsync(storage, problems, cancellationToken))
        {
            if (packs.IsLive(tombstone.Pack))
            {
                packs.Doom(tombstone.Pack, tombstone.Since);
            }
            else
            {
                collected._gone.Add(tombstone.Pack);
            }
        }

        return collected;
    }

    /// <summary>Packs that the index knows and that are neither there nor were collected. What they held may be needed: no base is trusted unseen.</summary>
    public async Task CompareAsync(IReadOnlyCollection<uint> known, List<string> problems, CancellationToken cancellationToken)
    {
        foreach (var number in known.Where(number => !_packs.IsLive(number) && !_gone.Contains(number)).Order())
        {
            _packs.NoteMissing();
            problems.Add($"{PackFormat.NameOf(number)}: the pack is gone; verify the repository to learn which points need it; the next backups read again what it held");
        }

        foreach (var number in _gone.Except(known))
        {
            await _storage.DeleteAsync(Tombstones.NameOf(number), cancellationToken); // nothing knows the pack any more
        }
    }
}
