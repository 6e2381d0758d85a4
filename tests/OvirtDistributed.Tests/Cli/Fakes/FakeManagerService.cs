// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.Tests.Cli.Fakes;

internal sealed class FakeManagerService(FakeInstallation installation) : ManagerService.ManagerServiceBase
{
    public override Task<AddManagerResponse> AddManager(AddManagerRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () =>
        {
            var trusted = request.CaPem.Length > 0 || request.TrustOnFirstUse
                || request.CaFingerprint.Replace(":", "", StringComparison.Ordinal).Equals(installation.PresentedFingerprint, StringComparison.OrdinalIgnoreCase);
            if (!trusted)
            {
                return new AddManagerResponse { UnconfirmedCaFingerprint = installation.PresentedFingerprint };
            }

            var manager = new Manager { Id = "m1", Name = request.Name, Url = request.Url, User = request.User, Product = "oVirt", Version = "4.5.5", State = ManagerState.Connected, Vms = 7 };
            installation.Managers.Add(manager);
            return new AddManagerResponse { Manager = manager };
        });

    public override Task<EnableCbtResponse> EnableCbt(EnableCbtRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new EnableCbtResponse { Disks = { installation.CbtChanges } });

    public override Task<ListManagersResponse> ListManagers(ListManagersRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new ListManagersResponse { Managers = { installation.Managers } });

    public override Task<RemoveManagerResponse> RemoveManager(RemoveManagerRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () =>
        {
            if (installation.Managers.RemoveAll(manager => manager.Name == request.Manager) == 0)
            {
                throw new OperatorException(FailureKind.NotFound, $"Manager '{request.Manager}' is not known.");
            }

            return new RemoveManagerResponse();
        });

    public override Task<GetInventoryResponse> GetInventory(GetInventoryRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => installation.Inventory);
}
