// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Store.Immutability;
using OvirtDistributed.Repository.Store.Sessions;

namespace OvirtDistributed.Repository.Store;

/// <content>Locks of points (DESIGN.md, immutability).</content>
public sealed partial class RepositoryStore
{
    // What the storage itself was told to protect, so that it is not told again; a pack that grew since has parts that it does not know of.
    private readonly Dictionary<string, (DateTimeOffset Until, long Length)> _protected = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _protecting = new(1, 1);

    /// <summary>The time that ends locks, and how far the machine's clock is ahead of it (negative: behind).</summary>
    public (DateTimeOffset Now, TimeSpan MachineIsAheadBy) Clock => (_state.Clock.Now, _state.Clock.MachineIsAheadBy);

    /// <summary>Until when a point is locked; null when it is not, or not any more.</summary>
    public DateTimeOffset? LockedUntil(string pointId) => _state.Locks.UntilOf(pointId) is { } until && until > _state.Clock.Now ? until : null;

    /// <summary>
    /// Locks a point for a time from now on: until then nobody can remove it, and garbage collection keeps what it reaches. A lock is only ever
    /// extended. Durable on return, idempotent. Storage with object lock is told to protect the objects as well.
    /// </summary>
    /// <param name="pointId">The point.</param>
    /// <param name="period">Counted by the repository's own clock; at most <see cref="RepositoryStoreOptions.LongestLock"/>.</param>
    /// <param name="cancellationToken">Gives up before the lock is written; afterwards only the protection by the storage is left unfinished.</param>
    /// <returns>The end of the lock that holds now.</returns>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.NotFound"/>, <see cref="RepositoryError.InvalidArgument"/>; the storage's failures.</exception>
    public async Task<DateTimeOffset> LockPointAsync(string pointId, TimeSpan period, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        RequirePeriod(period, "lock");
        using var held = await _locks.EnterAsync("point " + pointId, cancellationToken);
        var point = _state.Points.Pin(pointId) ?? throw PointNotFound(pointId);
        try
        {
            var until = await ExtendLockAsync(pointId, period);
            await ProtectAsync(point, await ReadManifestAsync(pointId, cancellationToken), until, cancellationToken);
            return until;
        }
        finally
        {
            _state.Points.Unpin(pointId);
        }
    }

    /// <summary>
    /// Takes the machine's clock as right although it is far ahead of the highest time seen, or behind it. For the person at the machine, never for a
    /// call over the network: a wrong clock ends locks early.
    /// </summary>
    /// <returns>The highest time seen until now, null when none was, and the one that counts from now on.</returns>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.Locked"/> while a process has the repository open; as <see cref="OpenAsync"/>.</exception>
    public static async Task<(DateTimeOffset? Before, DateTimeOffset Now)> AcceptClockAsync(
        Storage.IStorageBackend storage, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        await RepositoryFile.ReadAsync(storage, cancellationToken);
        await using var held = await RepositoryFile.LockAsync(storage, timeProvider, cancellationToken);
        return await TrustedClock.AcceptAsync(storage, timeProvider, cancellationToken);
    }

    private void RequirePeriod(TimeSpan period, string field)
    {
        var longest = _context.Packs.Options.LongestLock;
        if (period <= TimeSpan.Zero || period > longest)
        {
            throw RepositoryException.Invalid($"{field}: {period.TotalDays:0.##} days, give more than 0 and at most {longest.TotalDays:0} days");
        }
    }

    private async Task<DateTimeOffset> ExtendLockAsync(string pointId, TimeSpan period)
    {
        // The clock first: after a crash it must not be behind a lock that counts from it.
        await _state.Clock.SaveAsync();
        var now = _state.Clock.Now;
        if (_state.Locks.UntilOf(pointId) == DateTimeOffset.MaxValue && period < _context.Packs.Options.LockNewPointsFor)
        {
            // Nobody knows what the damaged record said: whoever damaged it must not gain by it.
            period = _context.Packs.Options.LockNewPointsFor;
        }

        return await _state.Locks.ExtendAsync(pointId, now + period, now);
    }

    private void ThrowIfLocked(string pointId)
    {
        if (LockedUntil(pointId) is { } until)
        {
            var end = until == DateTimeOffset.MaxValue ? "for ever (the record of its lock is damaged; lock it again to give it a date)" : $"until {until:u}";
            throw new RepositoryException(RepositoryError.PointLocked, $"point {pointId}: locked {end}, by the repository's clock, which says {_state.Clock.Now:u}");
        }
    }

    /// <summary>Before a commit: the lock that a new point is born with, durable; and what it shares with older ones is protected first.</summary>
    /// <returns>Null when new points are not locked.</returns>
    private async Task<DateTimeOffset?> LockNewPointAsync(VmManifest manifest, CancellationToken cancellationToken)
    {
        var period = _context.Packs.Options.LockNewPointsFor;
        if (period <= TimeSpan.Zero)
        {
            return null;
        }

        var until = await ExtendLockAsync(manifest.PointId, period);
        await ProtectContentAsync(manifest, until, cancellationToken);
        return until;
    }

    /// <summary>Protects a committed point with the storage's own means, where it has them.</summary>
    private async Task ProtectAsync(PointInfo point, VmManifest manifest, DateTimeOffset until, CancellationToken cancellationToken)
    {
        if (until != DateTimeOffset.MaxValue && await ProtectContentAsync(manifest, until, cancellationToken))
        {
            await ProtectObjectAsync(point.Path, until, cancellationToken);
        }
    }

    /// <summary>Protects everything a point needs but its manifest.</summary>
    /// <returns>False when the storage cannot protect.</returns>
    private async Task<bool> ProtectContentAsync(VmManifest manifest, DateTimeOffset until, CancellationToken cancellationToken)
    {
        if (!await ProtectObjectAsync(RepositoryFile.Name, until, cancellationToken))
        {
            return false;
        }

        // Not the lock's own record: it must be replaced when the lock is extended, and the storage refuses to remove what matters without it.
        await foreach (var slot in _storage.ListAsync(RepositoryFile.KeyFolder, cancellationToken))
        {
            await ProtectObjectAsync(slot.Name, until, cancellationToken);
        }

        foreach (var pack in await PacksOfAsync(manifest, cancellationToken))
        {
            await ProtectObjectAsync(Packs.PackFormat.NameOf(pack), until, cancellationToken, _state.Packs.LengthOf(pack));
        }

        return true;
    }

    private async Task<SortedSet<uint>> PacksOfAsync(VmManifest manifest, CancellationToken cancellationToken)
    {
        var packs = new SortedSet<uint>();
        void Note(ChunkDigest digest)
        {
            if (_state.Index.TryFind(digest, out var entry))
            {
                packs.Add(entry.Pack);
            }
        }

        using var auditor = new MapAuditor(_state.Index, _context.Reader, Keys) { Reached = Note };
        foreach (var disk in manifest.Disks)
        {
            await auditor.CheckAsync(disk.Root, trusted: null, cancellationToken);
        }

        foreach (var blob in manifest.Blobs)
        {
            Note(blob.Digest);
        }

        return packs;
    }

    /// <param name="name">Of the object.</param>
    /// <param name="until">The end.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="length">Of an object that grows: how long it is at least when this is called.</param>
    /// <returns>False when the storage cannot protect.</returns>
    private async Task<bool> ProtectObjectAsync(string name, DateTimeOffset until, CancellationToken cancellationToken, long length = 0)
    {
        await _protecting.WaitAsync(cancellationToken);
        try
        {
            if (_protected.TryGetValue(name, out var known) && known.Until >= until && known.Length >= length)
            {
                return true;
            }

            if (!await _storage.ProtectAsync(name, until, cancellationToken))
            {
                return false;
            }

            _protected[name] = (until, length);
            return true;
        }
        finally
        {
            _protecting.Release();
        }
    }

    /// <summary>
    /// After garbage collection: what locked points need may lie in other packs now. Also ends the records of locks that are over and whose points are gone.
    /// </summary>
    private async Task RenewLocksAsync(CancellationToken cancellationToken)
    {
        foreach (var record in _state.Locks.All.ToList())
        {
            if (_state.Points.Find(record.PointId) is not { } point)
            {
                if (LockedUntil(record.PointId) is null)
                {
                    await _state.Locks.ForgetAsync(record.PointId);
                }
            }
            else if (LockedUntil(record.PointId) is { } until && until != DateTimeOffset.MaxValue
                && await ProtectObjectAsync(RepositoryFile.Name, until, cancellationToken)
                && await FindManifestAsync(point, cancellationToken) is { } manifest)
            {
                await ProtectAsync(point, manifest, until, cancellationToken);
            }
        }
    }

    /// <summary>Makes the time durable once an hour, so that a restart goes on from it.</summary>
    private async Task KeepTimeAsync()
    {
        using var timer = new PeriodicTimer(TrustedClock.SaveInterval, _context.TimeProvider);
        while (await timer.WaitForNextTickAsync(_closing.Token))
        {
            await SaveClockAsync();
        }
    }

    private async Task SaveClockAsync()
    {
        try
        {
            await _state.Clock.SaveAsync();
        }
        catch (RepositoryException failure)
        {
            Log.ClockNotSaved(_logger, failure.Message);
        }
    }
}
