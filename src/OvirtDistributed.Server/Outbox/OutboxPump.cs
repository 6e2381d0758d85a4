// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Contracts.Bus;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Outbox;

/// <summary>
/// Publishes offers written by jobs. Every server pumps: rows are locked while they are sent, and deleted in the same transaction.
/// A crash between send and delete sends twice, which does no harm: the lease decides.
/// </summary>
internal sealed partial class OutboxPump(
    IDbContextFactory<ServerDbContext> contexts, IOfferSender sender, OutboxSignal signal, TimeProvider time, ServerInstruments instruments,
    ILogger<OutboxPump> logger) : BackgroundService
{
    private const int BatchSize = 50;
    private static readonly TimeSpan IdlePause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(30);

    /// <summary>Publishes what is due, once.</summary>
    /// <returns>How many offers were sent.</returns>
    public async Task<int> PumpAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        var now = time.GetUtcNow();
        var due = await context.Outbox
            .FromSql($"SELECT * FROM outbox WHERE not_before <= {now} ORDER BY id LIMIT {BatchSize} FOR UPDATE SKIP LOCKED")
            .ToListAsync(cancellationToken);
        var sent = 0;
        foreach (var offer in due)
        {
            var (published, busAway) = await SendAsync(context, offer, now, cancellationToken);
            sent += published ? 1 : 0;
            if (busAway)
            {
                // Each try would wait for its own time-out while the rows stay locked.
                break;
            }
        }

        await context.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return sent;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                while (await PumpAsync(stoppingToken) == BatchSize)
                {
                    // A full batch: there may be more.
                }
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                Log.PumpFailed(logger, failure);
            }

            await signal.WaitAsync(IdlePause, time, stoppingToken);
        }
    }

    private async Task<(bool Published, bool BusAway)> SendAsync(ServerDbContext context, OutboxOffer offer, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var task = await context.Set<Jobs.JobTask>().AsNoTracking()
            .Where(row => row.Id == offer.TaskId && row.Attempt == offer.Attempt && row.State == Jobs.TaskState.Offered)
            .Select(row => new { row.Message })
            .FirstOrDefaultAsync(cancellationToken);
        if (task is null)
        {
            // Taken or withdrawn meanwhile.
            context.Outbox.Remove(offer);
            return (false, false);
        }

        try
        {
            var trace = await context.Jobs.Where(job => job.Id == offer.JobId).Select(job => job.TraceParent).FirstOrDefaultAsync(cancellationToken);
            var message = new OfferTask { TaskId = offer.TaskId, Attempt = offer.Attempt, JobId = offer.JobId, ClusterId = offer.ClusterId };
            await sender.SendAsync(message, trace, cancellationToken);
            context.Outbox.Remove(offer);
            instruments.OnOfferPublished();
            await DescribeAsync(context, offer, "offered, waits for a worker", cancellationToken);
            return (true, false);
        }
        catch (OfferException failure)
        {
            offer.Tries++;
            offer.Problem = failure.Message;
            offer.NotBefore = now + Backoff(offer.Tries);
            instruments.OnOfferFailed();
            Log.OfferNotQueued(logger, offer.TaskId, offer.Attempt, failure.Message);
            await DescribeAsync(context, offer, failure.Message, cancellationToken);
            return (false, failure.BusAway);
        }
    }

    private static Task<int> DescribeAsync(ServerDbContext context, OutboxOffer offer, string message, CancellationToken cancellationToken) =>
        context.Set<Jobs.JobTask>().Where(task => task.Id == offer.TaskId && task.Attempt == offer.Attempt && task.State == Jobs.TaskState.Offered)
            .ExecuteUpdateAsync(set => set.SetProperty(task => task.Message, message), cancellationToken);

    private static TimeSpan Backoff(int tries)
    {
        var pause = TimeSpan.FromSeconds(Math.Pow(2, Math.Min(tries, 6)) / 2);
        return pause < LongestBackoff ? pause : LongestBackoff;
    }
}
