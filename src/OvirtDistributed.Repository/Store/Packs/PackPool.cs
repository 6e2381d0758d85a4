// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store.Packs;

/// <summary>The open packs: each belongs to one owner while it writes, and waits for the next one in between.</summary>
internal sealed class PackPool : IAsyncDisposable
{
    /// <summary>This part of the reserve is left for manifests and records, whatever happens.</summary>
    private const int LastPart = 4;

    private readonly PackContext _context;
    private readonly PackNumberAllocator _numbers;
    private readonly Lock _gate = new();
    private readonly Stack<PackWriter> _idle = new();
    private readonly HashSet<PackWriter> _all = [];
    private readonly HashSet<uint> _creating = [];
    private int _closedFailures;

    public PackPool(PackContext context, PackNumberAllocator numbers)
    {
        _context = context;
        _numbers = numbers;
    }

    /// <summary>An open pack for one owner, who gives it back or retires it.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.NoSpace"/> below the reserve.</exception>
    public Task<PackWriter> AcquireAsync(CancellationToken cancellationToken) => AcquireAsync(collecting: false, cancellationToken);

    /// <summary>The same. Garbage collection makes room by what it writes, so most of the reserve is there for it.</summary>
    public async Task<PackWriter> AcquireAsync(bool collecting, CancellationToken cancellationToken)
    {
        while (TryTakeIdle() is { } idle)
        {
            if (!idle.HasFailed)
            {
                return idle;
            }

            // Nobody writes on it any more: its file is closed, and the next opening seals what is durable in it.
            await CloseAsync(idle);
        }

        RequireSpace(collecting ? _context.Options.ReserveBytes / LastPart : _context.Options.ReserveBytes);
        var number = await _numbers.NextAsync(cancellationToken);
        lock (_gate)
        {
            // Before the pack is live: garbage collection must never see one that looks as if nobody wrote on it.
            _creating.Add(number);
        }

        PackWriter? writer = null;
        try
        {
            writer = await CreateAsync(number, cancellationToken);
            return writer;
        }
        finally
        {
            lock (_gate)
            {
                _creating.Remove(number);
                if (writer is not null)
                {
                    _all.Add(writer);
                }
            }
        }
    }

    /// <summary>As the other one, one with room for a frame of so many bytes; fuller ones are sealed on the way.</summary>
    public Task<PackWriter> AcquireAsync(int frameBytes, CancellationToken cancellationToken) => AcquireAsync(frameBytes, collecting: false, cancellationToken);

    /// <summary>The same for garbage collection.</summary>
    public async Task<PackWriter> AcquireAsync(int frameBytes, bool collecting, CancellationToken cancellationToken)
    {
        while (true)
        {
            var writer = await AcquireAsync(collecting, cancellationToken);
            if (writer.HasRoom(frameBytes, 1))
            {
                return writer;
            }

            await RetireAsync(writer, cancellationToken);
        }
    }

    /// <summary>Gives a pack back, to be written on by someone else.</summary>
    public void Return(PackWriter writer)
    {
        lock (_gate)
        {
            _idle.Push(writer);
        }
    }

    /// <summary>Seals a full pack, or just closes a failed one.</summary>
    public async Task RetireAsync(PackWriter writer, CancellationToken cancellationToken)
    {
        try
        {
            if (!writer.HasFailed)
            {
                await writer.SealAsync(cancellationToken);
            }
        }
        finally
        {
            await CloseAsync(writer);
        }
    }

    /// <summary>Makes durable whatever anyone has appended.</summary>
    public async Task FlushAllAsync(CancellationToken cancellationToken)
    {
        PackWriter[] writers;
        lock (_gate)
        {
            writers = [.. _all];
        }

        foreach (var writer in writers)
        {
            if (!writer.HasFailed && writer.UnflushedBytes > 0)
            {
                await writer.FlushAsync(cancellationToken);
            }
        }
    }

    /// <summary>Seals what holds frames and closes all. A pack that cannot be sealed stays as it is: the next opening does it.</summary>
    public async ValueTask DisposeAsync()
    {
        PackWriter[] writers;
        lock (_gate)
        {
            writers = [.. _all];
            _idle.Clear();
        }

        foreach (var writer in writers)
        {
            try
            {
                await RetireAsync(writer, CancellationToken.None);
            }
            catch (RepositoryException)
            {
                // Its durable frames are found by the scan of the next opening (invariant 4).
            }
        }
    }

    /// <summary>Seals the packs that nobody writes on at the moment, empty ones apart.</summary>
    public async Task SealIdleAsync(CancellationToken cancellationToken)
    {
        var kept = new List<PackWriter>();
        try
        {
            while (TryTakeIdle() is { } idle)
            {
                if (idle.IsEmpty && !idle.HasFailed)
                {
                    kept.Add(idle);
                    continue;
                }

                await RetireAsync(idle, cancellationToken);
            }
        }
        finally
        {
            kept.ForEach(Return);
        }
    }

    /// <summary>How many packs were given up because a write or flush failed. More than before: what is stored may be less than was thought.</summary>
    public int Failures
    {
        get
        {
            lock (_gate)
            {
                return _closedFailures + _all.Count(writer => writer.HasFailed);
            }
        }
    }

    /// <summary>As <see cref="OpenNumbers"/>, without those given up: they do not grow any more.</summary>
    public HashSet<uint> GrowingNumbers()
    {
        lock (_gate)
        {
            return [.. _creating, .. _all.Where(writer => !writer.HasFailed).Select(writer => writer.Number)];
        }
    }

    /// <summary>The packs that are being written, or wait for being written on.</summary>
    public HashSet<uint> OpenNumbers()
    {
        lock (_gate)
        {
            return [.. _creating, .. _all.Select(writer => writer.Number)];
        }
    }

    private PackWriter? TryTakeIdle()
    {
        lock (_gate)
        {
            return _idle.TryPop(out var idle) ? idle : null;
        }
    }

    private async Task CloseAsync(PackWriter writer)
    {
        lock (_gate)
        {
            _closedFailures += _all.Remove(writer) && writer.HasFailed ? 1 : 0;
        }

        await writer.DisposeAsync();
    }

    private async Task<PackWriter> CreateAsync(uint number, CancellationToken cancellationToken)
    {
        var appender = await _context.Storage.OpenAppendAsync(PackFormat.NameOf(number), create: true, cancellationToken);
        try
        {
            await appender.AppendAsync(PackFormat.WriteHeader(number, _context.RepositoryId, _context.TimeProvider.GetUtcNow()), cancellationToken);
        }
        catch
        {
            await appender.DisposeAsync();
            throw;
        }

        _context.Packs.Set(number, appender.Length);
        return new PackWriter(_context, number, appender);
    }

    private void RequireSpace(long reserve)
    {
        if (_context.Storage.GetCapacity() is { } capacity && capacity.FreeBytes < reserve)
        {
            throw new RepositoryException(
                RepositoryError.NoSpace,
                $"{_context.Storage.Description}: {capacity.FreeBytes >> 20} MiB free, {reserve >> 20} MiB are kept in reserve; free space or enlarge it");
        }
    }
}
