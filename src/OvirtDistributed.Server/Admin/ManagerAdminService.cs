// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Managers.Ssh;
using Wire = OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Server.Admin;

internal sealed class ManagerAdminService(
    IDbContextFactory<ServerDbContext> contexts, ManagerRegistry registry, InventoryMessages inventory, CbtSwitch cbt, SshRegistry ssh) : Wire.ManagerService.ManagerServiceBase
{
    public override async Task<Wire.AddManagerResponse> AddManager(Wire.AddManagerRequest request, ServerCallContext context)
    {
        var added = await registry.AddAsync(
            new ManagerRegistration(
                request.Name, request.Url, request.User, request.Password, request.CaPem, request.CaFingerprint, request.TrustOnFirstUse, request.HostAddresses),
            context.CancellationToken);
        if (added.Id is not { } id)
        {
            return new Wire.AddManagerResponse { UnconfirmedCaFingerprint = added.UnconfirmedFingerprint };
        }

        var managers = await ListAsync(context.CancellationToken);
        return new Wire.AddManagerResponse { Manager = managers.First(manager => manager.Id == id.ToString("D")) };
    }

    public override async Task<Wire.SetManagerSshResponse> SetManagerSsh(Wire.SetManagerSshRequest request, ServerCallContext context)
    {
        var (id, unpinned) = request.Remove
            ? (await ssh.RemoveAsync(request.Manager, context.CancellationToken), [])
            : await ssh.SetAsync(
                new SshRegistration(request.Manager, request.User, request.PrivateKey, request.Password, request.KnownHosts, request.Port, request.Sudo, request.StorageRoot),
                context.CancellationToken);
        var managers = await ListAsync(context.CancellationToken);
        return new Wire.SetManagerSshResponse { Manager = managers.First(manager => manager.Id == id.ToString("D")), HostsWithoutKey = { unpinned } };
    }

    public override async Task<Wire.EnableCbtResponse> EnableCbt(Wire.EnableCbtRequest request, ServerCallContext context)
    {
        try
        {
            var changes = await cbt.EnableAsync(request.Vm, request.Manager, [.. request.Disks], context.CancellationToken);
            return new Wire.EnableCbtResponse
            {
                Disks =
                {
                    changes.Select(change => new Wire.CbtChange
                    {
                        DiskId = change.Disk.Id.ToString("D"), DiskAlias = change.Disk.Alias, Enabled = change.Enabled, Note = change.Note,
                    }),
                },
            };
        }
        catch (EngineException failure)
        {
            throw failure.ToOperator();
        }
    }

    public override async Task<Wire.ListManagersResponse> ListManagers(Wire.ListManagersRequest request, ServerCallContext context) =>
        new() { Managers = { await ListAsync(context.CancellationToken) } };

    public override async Task<Wire.RemoveManagerResponse> RemoveManager(Wire.RemoveManagerRequest request, ServerCallContext context)
    {
        await registry.RemoveAsync(request.Manager, context.CancellationToken);
        return new Wire.RemoveManagerResponse();
    }

    public override async Task<Wire.GetInventoryResponse> GetInventory(Wire.GetInventoryRequest request, ServerCallContext context)
    {
        var managers = await ChosenAsync(request.Manager, context.CancellationToken);
        if (request.Refresh)
        {
            foreach (var manager in managers)
            {
                await registry.ReadInventoryAsync(manager.Id, context.CancellationToken);
            }
        }

        var response = new Wire.GetInventoryResponse();
        foreach (var manager in managers)
        {
            await inventory.AddAsync(response, manager, context.CancellationToken);
        }

        return response;
    }

    private async Task<IReadOnlyList<StoredManager>> ChosenAsync(string nameOrId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var managers = await context.Managers.AsNoTracking().OrderBy(manager => manager.Name).ToListAsync(cancellationToken);
        return nameOrId.Length == 0 ? managers : [NameLookup.Resolve(managers, "manager", "manager", nameOrId, row => row.Name, row => row.Id)];
    }

    private async Task<IReadOnlyList<Wire.Manager>> ListAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var managers = await context.Managers.AsNoTracking().OrderBy(manager => manager.Name).ToListAsync(cancellationToken);
        var vms = await context.Inventory.Where(item => item.Kind == InventoryKind.Vm)
            .GroupBy(item => item.ManagerId)
            .Select(group => new { group.Key, Count = group.Count() })
            .ToDictionaryAsync(group => group.Key, group => group.Count, cancellationToken);
        return [.. managers.Select(manager => new Wire.Manager
        {
            Id = manager.Id.ToString("D"),
            Name = manager.Name,
            Url = manager.Url,
            User = manager.UserName,
            Product = manager.Product,
            Version = manager.ProductVersion,
            CaFingerprint = manager.CaFingerprint,
            State = manager.Status switch
            {
                ManagerStatus.Connected => Wire.ManagerState.Connected,
                ManagerStatus.Unauthorized => Wire.ManagerState.Unauthorized,
                _ => Wire.ManagerState.Unreachable,
            },
            Problem = manager.Problem,
            InventoryRead = manager.InventoryRead?.ToTimestamp(),
            Vms = vms.GetValueOrDefault(manager.Id),
            Ssh = SshOf(manager.Ssh),
        })];
    }

    private static Wire.SshAccess? SshOf(SshSettings? settings) => settings is null ? null : new Wire.SshAccess
    {
        User = settings.User,
        Port = settings.Port,
        Sudo = settings.Sudo,
        UsesPassword = settings.UsesPassword,
        StorageRoot = settings.StorageRoot,
        PinnedHosts = { KnownHosts.Parse(settings.KnownHosts).Names.Distinct() },
    };
}
