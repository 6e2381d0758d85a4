// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Repository.Store;

/// <content>Packs that somebody removes or cuts off while the repository is open.</content>
public sealed partial class RepositoryStore
{
    private readonly SemaphoreSlim _inspecting = new(1, 1);
    private long? _inspected;
    private int _failuresInspected;

    /// <summary>The same, unless it was done a moment ago, by whoever.</summary>
    private Task InspectPacksNowAndThenAsync(CancellationToken cancellationToken) => InspectPacksAsync(_context.Packs.Options.InspectionInterval, cancellationToken);

    /// <summary>
    /// Compares the sealed packs with what the storage has: one that is gone or shorter keeps its open file in this process whole or readable, and its
    /// frames would go on being answered as held. From here on they are not; durable on return.
    /// </summary>
    private Task InspectPacksAsync(CancellationToken cancellationToken) => InspectPacksAsync(TimeSpan.Zero, cancellationToken);

    private async Task InspectPacksAsync(TimeSpan interval, CancellationToken cancellationToken)
    {
        await _inspecting.WaitAsync(cancellationToken);
        try
        {
            // A pack that failed while it was written is looked at before anybody relies on what it is thought to hold.
            var failures = _context.Pool.Failures;
            if (_inspected is { } last && failures == _failuresInspected && _context.TimeProvider.GetElapsedTime(last) < interval)
            {
                return;
            }

            foreach (var (pack, length) in await ShorterPacksAsync(cancellationToken))
            {
                if (_state.Packs.IsLive(pack) && !_state.Packs.IsDoomed(pack))
                {
                    await GiveUpFromAsync(pack, length, cancellationToken);
                }
            }

            _inspected = _context.TimeProvider.GetTimestamp();
            _failuresInspected = failures;
        }
        finally
        {
            _ = _inspecting.Release();
        }
    }

    /// <summary>Sealed packs that are shorter than they were, and how long they are; 0 for one that is gone.</summary>
    private async Task<List<(uint Pack, long Length)>> ShorterPacksAsync(CancellationToken cancellationToken)
    {
        // Open ones grow, and are left out whether they were open before or came meanwhile.
        var open = _context.Pool.GrowingNumbers();
        var expected = new Dictionary<uint, long>();
        foreach (var pack in _state.Packs.Numbers())
        {
            if (!open.Contains(pack) && !_state.Packs.IsDoomed(pack))
            {
                expected[pack] = _state.Packs.LengthOf(pack);
            }
        }

        var shorter = new List<(uint, long)>();
        await foreach (var item in _storage.ListAsync(PackFormat.Folder, cancellationToken))
        {
            var pack = PackFormat.ParseName(item.Name);
            if (expected.Remove(pack, out var length) && item.Length < length && !_state.Packs.IsCutOff(pack))
            {
                shorter.Add((pack, item.Length));
            }
        }

        foreach (var pack in expected.Keys)
        {
            // Asked for once more by its name: a listing may have begun before a pack was sealed.
            if (!_state.Packs.IsCutOff(pack) && await _storage.FindAsync(PackFormat.NameOf(pack), cancellationToken) is null)
            {
                shorter.Add((pack, 0));
            }
        }

        return shorter;
    }

    private async Task GiveUpFromAsync(uint pack, long length, CancellationToken cancellationToken)
    {
        var name = PackFormat.NameOf(pack);
        var end = length == 0 ? 0 : await LastFrameEndAsync(pack, name, cancellationToken);
        var reason = length == 0
            ? $"{name}: the pack is gone"
            : $"{name}: cut off at byte {length}, {_state.Packs.LengthOf(pack)} were stored";
        _readers.Forget(pack);
        var items = new List<QuarantineItem> { new() { Digest = default, Kind = FrameKind.Chunk, Pack = pack, Offset = end, ToEnd = true, Reason = reason } };
        if (length == 0)
        {
            // Known still when the pack is not even listed at the next opening.
            items.Add(new QuarantineItem { Digest = default, Kind = FrameKind.Chunk, Pack = 0, Offset = 0, Reason = reason });
        }

        await _quarantine.AddAsync(items, cancellationToken);
        Log.ProblemFound(_logger, $"{reason}; the next backups read again what is lost, and a verification says which points it hurts");
    }

    private async Task<uint> LastFrameEndAsync(uint pack, string name, CancellationToken cancellationToken)
    {
        using var reader = await _storage.OpenReadAsync(name, cancellationToken);
        if (reader is null)
        {
            return 0;
        }

        var scan = await PackScanner.ScanAsync(reader, name, Keys, cancellationToken);
        return scan.Frames.Count == 0 ? 0 : (uint)scan.Frames.Max(frame => frame.End);
    }
}
