// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Repositories;
using Wire = OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Server.Admin;

internal sealed class RepositoryAdminService(IDbContextFactory<ServerDbContext> contexts, RepositoryRegistry registry)
    : Wire.RepositoryService.RepositoryServiceBase
{
    public override async Task<Wire.AddRepositoryResponse> AddRepository(Wire.AddRepositoryRequest request, ServerCallContext context)
    {
        var (repository, created) = await registry.AddAsync(
            request.Name, request.MoverAddress, request.MoverRepository, request.Create, request.ChunkAverageBytes, context.CancellationToken);
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var stored = await database.Repositories.AsNoTracking().FirstAsync(row => row.Id == repository.Id, context.CancellationToken);
        return new Wire.AddRepositoryResponse { Repository = ToWire(stored), Created = created };
    }

    public override async Task<Wire.ListRepositoriesResponse> ListRepositories(Wire.ListRepositoriesRequest request, ServerCallContext context)
    {
        await using var database = await contexts.CreateDbContextAsync(context.CancellationToken);
        var repositories = await database.Repositories.AsNoTracking().OrderBy(row => row.Name).ToListAsync(context.CancellationToken);
        return new Wire.ListRepositoriesResponse { Repositories = { repositories.Select(ToWire) } };
    }

    private static Wire.Repository ToWire(StoredRepository repository) => new()
    {
        Id = repository.Id.ToString("D"),
        Name = repository.Name,
        MoverAddress = repository.MoverAddress,
        MoverRepository = repository.MoverRepository,
        State = JobMessages.Words(repository.Condition.ToString()),
        Problem = repository.Problem,
        Points = repository.Points,
        StoredBytes = repository.StoredBytes,
        FreeBytes = repository.FreeBytes,
        Location = repository.Location,
    };
}
