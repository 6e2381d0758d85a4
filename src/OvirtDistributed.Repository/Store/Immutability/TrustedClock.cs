// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store.Immutability;

/// <summary>
/// The time that ends locks. It never goes back, while the process runs it advances with the monotonic clock alone, and at the opening it follows the
/// machine's clock only when that is at most <see cref="LargestJump"/> ahead of the highest time seen: setting the machine's clock ends no lock.
/// </summary>
/// <remarks>Safe for concurrent use. After a longer pause it lags, so locks hold longer, until <see cref="AcceptAsync"/>.</remarks>
internal sealed class TrustedClock
{
    /// <summary>The longest pause of a Data Mover that needs no word of an operator.</summary>
    public static readonly TimeSpan LargestJump = TimeSpan.FromDays(1);

    /// <summary>How often the time should be saved: after a crash it is behind by as much.</summary>
    public static readonly TimeSpan SaveInterval = TimeSpan.FromHours(1);

    private const string Name = "clock.json";
    private const string Format = "clock";

    // Not worth a word: clocks are corrected by seconds all the time.
    private static readonly TimeSpan SmallStep = TimeSpan.FromMinutes(5);

    private readonly IStorageBackend _storage;
    private readonly TimeProvider _timeProvider;
    private readonly DateTimeOffset _start;
    private readonly long _startStamp;

    private TrustedClock(IStorageBackend storage, TimeProvider timeProvider, DateTimeOffset start)
    {
        _storage = storage;
        _timeProvider = timeProvider;
        _start = start;
        _startStamp = timeProvider.GetTimestamp();
    }

    public DateTimeOffset Now => _start + _timeProvider.GetElapsedTime(_startStamp);

    /// <summary>How far the machine's clock is ahead of this one; negative when behind.</summary>
    public TimeSpan MachineIsAheadBy => _timeProvider.GetUtcNow() - Now;

    /// <summary>Reads the highest time seen.</summary>
    /// <param name="storage">Of the repository.</param>
    /// <param name="timeProvider">The machine's clocks.</param>
    /// <param name="atLeast">A time that was certainly seen: what counts when the record is lost or damaged. Null when there is none.</param>
    /// <param name="problems">Gets what an operator should know.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<TrustedClock> OpenAsync(
        IStorageBackend storage, TimeProvider timeProvider, DateTimeOffset? atLeast, List<string> problems, CancellationToken cancellationToken)
    {
        var highest = await ReadAsync(storage, problems, cancellationToken);
        if (highest is null || atLeast > highest)
        {
            highest = atLeast;
        }

        var wall = timeProvider.GetUtcNow();
        var start = highest is not { } seen || (wall >= seen && wall - seen <= LargestJump) ? wall : seen;
        if (wall - start > LargestJump)
        {
            problems.Add($"{Name}: the machine's clock says {Text(wall)}, the highest time seen here is {Text(start)}: locks of restore points end by the latter. "
                + "If the clock is right, stop the Data Mover and run 'ovd-datamover accept-clock'");
        }
        else if (start - wall > SmallStep)
        {
            problems.Add($"{Name}: the machine's clock says {Text(wall)}, but {Text(start)} was seen here before: set the clock right; locks of restore points go by the latter");
        }

        return new TrustedClock(storage, timeProvider, start);
    }

    /// <summary>Takes the machine's clock as right, on an operator's word. Nobody else may have the repository open.</summary>
    /// <returns>The highest time seen until now, null when none was, and the one that counts from now on.</returns>
    public static async Task<(DateTimeOffset? Before, DateTimeOffset Now)> AcceptAsync(
        IStorageBackend storage, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var before = await ReadAsync(storage, [], cancellationToken);
        var wall = timeProvider.GetUtcNow();
        await WriteAsync(storage, wall);
        return (before, wall);
    }

    /// <summary>Makes the time durable: a later opening does not go back behind it.</summary>
    public Task SaveAsync() => WriteAsync(_storage, Now);

    private static Task<bool> WriteAsync(IStorageBackend storage, DateTimeOffset time) => storage.PutAsync(
        Name, TextEnvelope.Write(Format, new ClockRecord(time), RepositoryJson.Default.ClockRecord), StoragePutMode.Replace, CancellationToken.None);

    private static async Task<DateTimeOffset?> ReadAsync(IStorageBackend storage, List<string> problems, CancellationToken cancellationToken)
    {
        if (await RepositoryFile.ReadTextAsync(storage, Name, cancellationToken) is not { } content)
        {
            return null;
        }

        try
        {
            return TextEnvelope.Read(Name, content, Format, RepositoryJson.Default.ClockRecord).Highest;
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.Damaged)
        {
            problems.Add($"{failure.Message}; the highest time seen is taken from the locks of restore points");
            return null;
        }
    }

    private static string Text(DateTimeOffset time) => time.ToString("u", CultureInfo.InvariantCulture);
}

/// <summary>clock.json: the highest time seen.</summary>
internal sealed record ClockRecord(DateTimeOffset Highest);
