// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Mover;

namespace OvirtDistributed.Worker.Rescue;

/// <summary>
/// Gives what the point's own repository cannot, from copies of the point, and sends whole objects back. A chunk from a copy with another key is taken only when its
/// bytes have the digest that the own map names; where that cannot be said (a lost map page, a chunk of which the disk uses a part) the copy's own root vouches for them.
/// </summary>
internal sealed partial class PointRescue(PointDiskOrder order, OwnPoint own, IReadOnlyList<CopyReader> copies, RescueLog log, ILogger logger) : IImageRescue, IAsyncDisposable
{
    // What fails at once (all that was under way on a stream) is dealt with one by one: the first repair may be what the next one needs.
    private readonly SemaphoreSlim _turn = new(1, 1);

    public async Task<FrameBatch> FetchAgainAsync(ReadOnlyMemory<ChunkDigest> digests, RepositoryException failure, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        RequireRescuable(failure);
        using var turn = await TurnAsync(cancellationToken);
        return await AskOwnAsync(token => own.FetchAsync(digests, token), cancellationToken);
    }

    public async Task<byte[]?> FindAsync(FrameKind kind, ChunkDigest digest, DiskRange range, CancellationToken cancellationToken)
    {
        using var turn = await TurnAsync(cancellationToken);
        var (plain, contentIsWrong) = await FindOwnAsync(kind, digest, cancellationToken);
        if (plain is not null || own.Opened is null || (own.Lost is not null && kind == FrameKind.Chunk))
        {
            // Of a repository that is lost as a whole nothing is repaired: its chunks come by range, several at a time.
            return plain;
        }

        foreach (var copy in copies)
        {
            if (await copy.FindFrameAsync(own.Opened.Parameters, kind, digest, cancellationToken) is not { } found)
            {
                continue;
            }

            var problem = own.Lost ?? await own.RepairAsync(found.Frame, contentIsWrong, cancellationToken);
            log.Took(copy.Name, 1, kind == FrameKind.Chunk ? found.Plain.Length : 0, problem is null ? 1 : 0);
            Log.TakenByName(logger, kind, digest, copy.Name, order, problem ?? "repaired");
            NoteUnrepaired(range, problem);
            return found.Plain;
        }

        return null;
    }

    public async Task FillAsync(IReadOnlyList<LostChunk> lost, RepositoryException failure, CancellationToken cancellationToken)
    {
        RequireRescuable(failure);
        using var turn = await TurnAsync(cancellationToken);
        var missing = new List<DiskRange>();
        foreach (var chunk in lost)
        {
            if (!await TryFillAsync(chunk, cancellationToken))
            {
                missing.AddRange(chunk.Places.Select(place => place.Range));
            }
        }

        if (missing.Count > 0)
        {
            throw NobodyHas(missing, failure);
        }
    }

    public async Task<IReadOnlyList<ImageRange>> ListAsync(DiskRange range, RepositoryException failure, CancellationToken cancellationToken)
    {
        RequireRescuable(failure);
        foreach (var copy in copies)
        {
            if (await copy.TryListAsync(range, cancellationToken) is not { } layout)
            {
                continue;
            }

            if (own.Lost is null)
            {
                log.Took(copy.Name, 1, 0);
                log.NotRepaired(range, "a map page is lost, and the copies of the point have pages of their own; the next backup of the VM writes it again");
                Log.MapLost(logger, range.Offset, range.Length, order, copy.Name);
            }

            return layout;
        }

        throw NobodyHas([range], failure);
    }

    public async Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        foreach (var copy in copies)
        {
            if (await copy.TryReadAsync(offset, destination, cancellationToken))
            {
                log.Took(copy.Name, 0, destination.Length, onItsWord: destination.Length);
                return;
            }
        }

        throw NobodyHas([new DiskRange(offset, destination.Length)], new RepositoryException(RepositoryError.Damaged, "its map page is lost"));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var copy in copies)
        {
            await copy.DisposeAsync();
        }

        await own.DisposeAsync();
        _turn.Dispose();
    }

    /// <summary>Whoever lost the task stops; and what is not damage is for the next attempt, unless the disk can be read without its own repository.</summary>
    private void RequireRescuable(RepositoryException failure)
    {
        var told = MoverFailures.Classify(failure);
        if (told.Code == FailureCode.Fenced || (!order.CanDoWithout && told.Code != FailureCode.RepositoryDamaged))
        {
            throw told;
        }
    }

    private async Task<(byte[]? Plain, bool ContentIsWrong)> FindOwnAsync(FrameKind kind, ChunkDigest digest, CancellationToken cancellationToken)
    {
        FrameBatch frames;
        try
        {
            frames = await AskOwnAsync(token => own.FetchAsync(new[] { digest }, token), cancellationToken);
        }
        catch (RepositoryException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return (null, false);
        }

        using (frames)
        {
            try
            {
                using var decoder = new FrameDecoder(own.Keys);
                var plain = new byte[FrameHeader.Read(frames[0].Span).PlainLength];
                decoder.Decode(frames[0].Span, digest, kind, plain);
                return (plain, false);
            }
            catch (RepositoryException)
            {
                // Its checksum holds, else the Data Mover had not sent it.
                return (null, true);
            }
        }
    }

    /// <summary>Whatever the repository is asked, that it was lost on the way is remembered for the report.</summary>
    private async Task<T> AskOwnAsync<T>(Func<CancellationToken, Task<T>> ask, CancellationToken cancellationToken)
    {
        try
        {
            return await ask(cancellationToken);
        }
        finally
        {
            if (own.Lost is { } why)
            {
                log.Unreachable(why);
            }
        }
    }

    private TaskFailureException NobodyHas(List<DiskRange> ranges, RepositoryException failure)
    {
        const int MostListed = 16;
        var joined = RescueLog.Join(ranges);
        var listed = string.Join(", ", joined.Take(MostListed).Select(range => $"{range.Offset}+{range.Length}"));
        var more = joined.Count > MostListed ? $" and {joined.Count - MostListed} more" : "";
        var elsewhere = copies.Count == 0
            ? "no copy of the point in another repository is known"
            : "no copy has them: " + string.Join("; ", copies.Select(copy => $"{copy.Name}: {(copy.Problem.Length > 0 ? copy.Problem : "not there")}"));
        var told = MoverFailures.Classify(failure);
        return new TaskFailureException(
            told.Code, $"Restore point '{order.PointId}', disk {order.DiskId}: {joined.Sum(range => range.Length)} bytes cannot be read, at {listed}{more}, and {elsewhere}. {told.Message}", failure);
    }

    private void NoteUnrepaired(DiskRange range, string? problem)
    {
        if (problem is not null && own.Lost is null)
        {
            log.NotRepaired(range, problem);
        }
    }

    private async Task<Turn> TurnAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        return new Turn(_turn);
    }

    private readonly struct Turn(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
