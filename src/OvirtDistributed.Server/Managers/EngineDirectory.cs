// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Trust;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Managers;

/// <summary>One shared client per manager, made on first use and again when the manager's row has changed.</summary>
internal sealed class EngineDirectory(
    IDbContextFactory<ServerDbContext> contexts, OvirtEngineClientFactory factory, PasswordSeal seal) : IEngineDirectory, IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Dictionary<Guid, (uint Version, OvirtEngineClient Client, EngineAccess Access)> _open = [];

    // Replaced clients may still serve a call: they are closed with the directory.
    private readonly List<OvirtEngineClient> _retired = [];

    public async Task<EngineAccess> OpenAsync(Guid managerId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var manager = await context.Managers.AsNoTracking().FirstOrDefaultAsync(row => row.Id == managerId, cancellationToken)
            ?? throw new EngineException(EngineFailure.Refused, $"Manager {managerId} is not known any more: add it again (ovd manager add).");
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var fingerprint = FingerprintOf(manager);
            if (_open.TryGetValue(managerId, out var open))
            {
                if (open.Version == fingerprint)
                {
                    return open.Access;
                }

                _retired.Add(open.Client);
            }

            var client = Connect(factory, manager, seal.Open(manager.Id, manager.SealedPassword));
            var access = new EngineAccess(
                manager.Id, manager.Name, new OvirtEngine(client, EngineCapabilities.OfText(manager.ProductVersion)), manager.EngineCaPem, manager.CaPem, manager.HostAddresses);
            _open[managerId] = (fingerprint, client, access);
            return access;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>A client for a manager's settings; nothing is sent yet.</summary>
    /// <exception cref="EngineException">The settings are wrong.</exception>
    public static OvirtEngineClient Connect(OvirtEngineClientFactory factory, StoredManager manager, string password)
    {
        try
        {
            return factory.Create(new EngineConnection
            {
                ApiUrl = new Uri(manager.Url),
                User = manager.UserName,
                Password = new Secret(password),
                Trust = new TlsTrust
                {
                    WebCaPem = manager.CaPem.Length > 0 ? manager.CaPem : null,
                    EngineCaPem = manager.EngineCaPem.Length > 0 ? manager.EngineCaPem : null,
                },
                HostAddresses = manager.HostAddresses,
            });
        }
        catch (OvirtException failure)
        {
            throw new EngineException(EngineFailure.Refused, failure.Message, failure);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _retired.Concat(_open.Values.Select(open => open.Client)))
        {
            await client.DisposeAsync();
        }

        _turn.Dispose();
    }

    /// <summary>Changes with what a client is made of; the row's own version also changes with every inventory round.</summary>
    private static uint FingerprintOf(StoredManager manager) => unchecked((uint)HashCode.Combine(
        manager.Url, manager.UserName, manager.CaPem, manager.EngineCaPem, manager.ProductVersion, Convert.ToHexString(manager.SealedPassword),
        string.Join('|', manager.HostAddresses.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}={pair.Value}"))));
}
