// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Contracts.Bus;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Outbox;
using Wire = OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Server.Admin;

internal sealed class WorkerAdminService(
    IDbContextFactory<ServerDbContext> contexts, IClusterQueues queues, TimeProvider time, ServerOptions options) : Wire.WorkerService.WorkerServiceBase
{
    public override async Task<Wire.ListWorkersResponse> ListWorkers(Wire.ListWorkersRequest request, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var clusters = await ClusterNamesAsync(database, context.CancellationToken);
        var workers = await database.Workers.AsNoTracking().OrderBy(worker => worker.Name).ToListAsync(context.CancellationToken);
        var busy = await database.Set<JobTask>().Where(task => task.State == TaskState.Leased && task.WorkerId != null)
            .GroupBy(task => task.WorkerId!)
            .Select(group => new { group.Key, Count = group.Count() })
            .ToDictionaryAsync(group => group.Key, group => group.Count, context.CancellationToken);
        var silent = time.GetUtcNow() - options.WorkerSilentAfter;
        return new Wire.ListWorkersResponse
        {
            Workers =
            {
                workers.Select(worker => new Wire.Worker
                {
                    Id = worker.Id,
                    Name = worker.Name,
                    ClusterId = worker.ClusterId.ToString("D"),
                    Cluster = clusters.GetValueOrDefault(worker.ClusterId, ""),
                    Version = worker.ProductVersion,
                    State = worker.LastSeen < silent ? Wire.WorkerState.Silent : Wire.WorkerState.Online,
                    Slots = worker.Slots,
                    BusySlots = busy.GetValueOrDefault(worker.Id),
                    LastSeen = worker.LastSeen.ToTimestamp(),
                    Embedded = worker.Embedded,
                    Problem = clusters.ContainsKey(worker.ClusterId)
                        ? ""
                        : $"no manager has cluster {worker.ClusterId}, so it gets no work: check Worker:ClusterId (ovd manager inventory NAME -o json), or add the manager",
                }),
            },
        };
    }

    public override async Task<Wire.ListQueuesResponse> ListQueues(Wire.ListQueuesRequest request, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var clusters = await ClusterNamesAsync(database, context.CancellationToken);
        var stuck = await database.Outbox.AsNoTracking().Where(offer => offer.Tries > 0)
            .GroupBy(offer => offer.ClusterId)
            .Select(group => new { group.Key, Count = group.Count(), Problem = group.Max(offer => offer.Problem) })
            .ToDictionaryAsync(group => group.Key, group => $"{group.Count} offer(s) reached no queue: {group.Problem}", context.CancellationToken);
        var response = new Wire.ListQueuesResponse();
        foreach (var (id, name) in clusters.OrderBy(cluster => cluster.Value, StringComparer.Ordinal))
        {
            response.Queues.Add(await DescribeAsync(ClusterQueue.NameOf(id), name, stuck.GetValueOrDefault(id, ""), context.CancellationToken));
        }

        response.Queues.Add(await DescribeDeadLettersAsync(context.CancellationToken));
        return response;
    }

    private async Task<Wire.Queue> DescribeAsync(string queue, string cluster, string problem, CancellationToken cancellationToken)
    {
        var state = await ReadAsync(queue, cancellationToken);
        if (problem.Length == 0 && state is { Consumers: 0, Messages: > 0 })
        {
            problem = $"{state.Messages} offer(s) wait and no worker listens: start a worker in cluster {cluster}";
        }

        return new Wire.Queue { Name = queue, Cluster = cluster, Messages = state?.Messages ?? 0, Consumers = state?.Consumers ?? 0, Problem = problem };
    }

    private async Task<Wire.Queue> DescribeDeadLettersAsync(CancellationToken cancellationToken)
    {
        var state = await ReadAsync(ClusterQueue.DeadLetters, cancellationToken);
        return new Wire.Queue
        {
            Name = ClusterQueue.DeadLetters,
            Messages = state?.Messages ?? 0,
            Consumers = state?.Consumers ?? 0,
            Problem = state is { Messages: > 0 } ? $"{state.Messages} offer(s) could not be read by any worker" : "",
        };
    }

    private async Task<QueueState?> ReadAsync(string queue, CancellationToken cancellationToken)
    {
        try
        {
            return await queues.ReadAsync(queue, cancellationToken);
        }
        catch (OfferException failure)
        {
            throw new OperatorException(FailureKind.Unavailable, failure.Message, failure);
        }
    }

    private static Task<Dictionary<Guid, string>> ClusterNamesAsync(ServerDbContext database, CancellationToken cancellationToken) =>
        database.Inventory.Where(item => item.Kind == InventoryKind.Cluster).ToDictionaryAsync(item => item.ObjectId, item => item.Name, cancellationToken);
}
