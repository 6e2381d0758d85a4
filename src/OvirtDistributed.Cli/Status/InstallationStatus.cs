// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Hosting.Telemetry;

namespace OvirtDistributed.Cli.Status;

/// <summary>What <c>ovd status</c> shows, read with one round of calls.</summary>
internal sealed record InstallationStatus
{
    private const int MostJobs = 100;

    public required string Address { get; init; }

    /// <summary>Null when the server does not say.</summary>
    public required string? ServerVersion { get; init; }

    public required IReadOnlyList<Manager> Managers { get; init; }

    public required IReadOnlyList<Contracts.Admin.V1.Repository> Repositories { get; init; }

    public required IReadOnlyList<Worker> Workers { get; init; }

    public required IReadOnlyList<Queue> Queues { get; init; }

    public required IReadOnlyList<Job> Jobs { get; init; }

    public static async Task<InstallationStatus> ReadAsync(ServerConnection server, CancellationToken cancellationToken)
    {
        using var managers = server.Managers.ListManagersAsync(new ListManagersRequest(), server.Call(cancellationToken));
        using var repositories = server.Repositories.ListRepositoriesAsync(new ListRepositoriesRequest(), server.Call(cancellationToken));
        using var workers = server.Workers.ListWorkersAsync(new ListWorkersRequest(), server.Call(cancellationToken));
        using var queues = server.Workers.ListQueuesAsync(new ListQueuesRequest(), server.Call(cancellationToken));
        using var jobs = server.Jobs.ListJobsAsync(new ListJobsRequest { RunningOnly = true, Limit = MostJobs }, server.Call(cancellationToken));
        await Task.WhenAll(managers.ResponseAsync, repositories.ResponseAsync, workers.ResponseAsync, queues.ResponseAsync, jobs.ResponseAsync);
        return new InstallationStatus
        {
            Address = server.Address,
            ServerVersion = managers.GetTrailers().GetValue(ServiceDefaults.VersionTrailer),
            Managers = (await managers.ResponseAsync).Managers,
            Repositories = (await repositories.ResponseAsync).Repositories,
            Workers = (await workers.ResponseAsync).Workers,
            Queues = (await queues.ResponseAsync).Queues,
            Jobs = (await jobs.ResponseAsync).Jobs,
        };
    }

    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("server");
        writer.WriteString("address", Address);
        writer.WriteString("version", ServerVersion);
        writer.WriteEndObject();
        JsonLists.WriteArray(writer, "managers", Managers);
        JsonLists.WriteArray(writer, "repositories", Repositories);
        JsonLists.WriteArray(writer, "workers", Workers);
        JsonLists.WriteArray(writer, "queues", Queues);
        JsonLists.WriteArray(writer, "jobs", Jobs);
        writer.WriteEndObject();
    }
}
