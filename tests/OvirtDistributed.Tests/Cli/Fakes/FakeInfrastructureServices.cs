// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Tests.Cli.Fakes;

internal static class FakeInfrastructureServices
{
    internal sealed class Repositories(FakeInstallation installation) : RepositoryService.RepositoryServiceBase
    {
        public override Task<AddRepositoryResponse> AddRepository(AddRepositoryRequest request, ServerCallContext context) =>
            installation.AnswerAsync(request, context, () =>
            {
                var repository = new Contracts.Admin.V1.Repository { Id = "r1", Name = request.Name, MoverAddress = request.MoverAddress, State = "ready", FreeBytes = 5L << 40 };
                installation.Repositories.Add(repository);
                return new AddRepositoryResponse { Repository = repository, Created = request.Create };
            });

        public override Task<ListRepositoriesResponse> ListRepositories(ListRepositoriesRequest request, ServerCallContext context) =>
            installation.AnswerAsync(request, context, () => new ListRepositoriesResponse { Repositories = { installation.Repositories } });

        public override Task<RemoveRepositoryResponse> RemoveRepository(RemoveRepositoryRequest request, ServerCallContext context) =>
            installation.AnswerAsync(request, context, () =>
            {
                var repository = installation.Repositories.Find(repository => repository.Name == request.Repository);
                return repository is not null && installation.Repositories.Remove(repository)
                    ? new RemoveRepositoryResponse { Removed = true, Repository = repository, Points = repository.Points }
                    : new RemoveRepositoryResponse();
            });

        public override Task<ListKeySlotsResponse> ListKeySlots(ListKeySlotsRequest request, ServerCallContext context) =>
            installation.AnswerAsync(request, context, () => new ListKeySlotsResponse
            {
                Slots = { new KeySlot { Id = "5d7c0f3e-1a2b-4c3d-8e9f-0a1b2c3d4e5f", Kind = "passphrase", Label = "safe", Created = Samples.Ago(TimeSpan.FromHours(3)) } },
                Problems = { "keys/11111111-2222-4333-8444-555555555555.json: its checksum does not hold, or it was cut short" },
            });

        public override Task<ListDamagedPointsResponse> ListDamagedPoints(ListDamagedPointsRequest request, ServerCallContext context) =>
            installation.AnswerAsync(request, context, () => new ListDamagedPointsResponse { Points = { installation.DamagedPoints } });

        public override Task<SetPointAsideResponse> SetPointAside(SetPointAsideRequest request, ServerCallContext context) =>
            installation.AnswerAsync(request, context, () =>
            {
                var point = installation.DamagedPoints.First(point => point.PointId.StartsWith(request.Point, StringComparison.Ordinal));
                return new SetPointAsideResponse { PointId = point.PointId, MovedTo = "damaged" + point.Path["points".Length..] };
            });
    }

    internal sealed class Workers(FakeInstallation installation) : WorkerService.WorkerServiceBase
    {
        public override Task<ListWorkersResponse> ListWorkers(ListWorkersRequest request, ServerCallContext context) =>
            installation.AnswerAsync(request, context, () => new ListWorkersResponse { Workers = { installation.Workers } });

        public override Task<ListQueuesResponse> ListQueues(ListQueuesRequest request, ServerCallContext context) =>
            installation.AnswerAsync(request, context, () => new ListQueuesResponse { Queues = { installation.Queues } });
    }
}
