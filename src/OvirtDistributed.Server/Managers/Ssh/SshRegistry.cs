// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;

namespace OvirtDistributed.Server.Managers.Ssh;

/// <summary>What an operator gives for transport mode ssh.</summary>
internal sealed record SshRegistration(string Manager, string User, string PrivateKey, string Password, string KnownHosts, int Port, bool Sudo, string StorageRoot)
{
    public override string ToString() => $"SshRegistration {User} at hosts of {Manager}";
}

/// <summary>Sets and forgets the SSH access to a manager's hosts. Nothing is connected: workers do that, and the server may not reach the hosts.</summary>
internal sealed class SshRegistry(IDbContextFactory<ServerDbContext> contexts, PasswordSeal seal, InventoryCatalog inventory)
{
    private const int MaxUserLetters = 32;
    private const int MaxPasswordLetters = 512;

    /// <returns>The manager's id, and its hosts that are up and have no pinned key.</returns>
    /// <exception cref="OperatorException">The registration cannot work.</exception>
    public async Task<(Guid ManagerId, IReadOnlyList<string> Unpinned)> SetAsync(SshRegistration registration, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var manager = await FindAsync(context, registration.Manager, cancellationToken);
        var settings = SettingsOf(registration);
        var known = KnownHosts.Parse(registration.KnownHosts);
        manager.Ssh = settings;
        manager.SealedSshKey = seal.Seal(KeyOwner(manager.Id), SecretOf(registration));
        await SaveAsync(context, manager, cancellationToken);
        var hosts = await inventory.ListAsync<EngineHost>(manager.Id, InventoryKind.Host, cancellationToken);
        return (manager.Id, [.. hosts.Where(host => host.Status == "up" && known.Has(settings.KeyName(host.Address)) == false).Select(host => settings.KeyName(host.Address))]);
    }

    /// <returns>The manager's id.</returns>
    /// <exception cref="OperatorException">The manager is not known.</exception>
    public async Task<Guid> RemoveAsync(string nameOrId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var manager = await FindAsync(context, nameOrId, cancellationToken);
        manager.Ssh = null;
        manager.SealedSshKey = null;
        await SaveAsync(context, manager, cancellationToken);
        return manager.Id;
    }

    /// <summary>For whom a manager's key is sealed: not for the manager itself, so that a sealed key and a sealed password cannot stand in for each other.</summary>
    public static Guid KeyOwner(Guid managerId)
    {
        var bytes = managerId.ToByteArray();
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] ^= (byte)"ovd-ssh-key-0001"[i];
        }

        return new Guid(bytes);
    }

    private static async Task<StoredManager> FindAsync(ServerDbContext context, string nameOrId, CancellationToken cancellationToken) =>
        NameLookup.Resolve(await context.Managers.ToListAsync(cancellationToken), "manager", "manager", nameOrId, row => row.Name, row => row.Id);

    private static async Task SaveAsync(ServerDbContext context, StoredManager manager, CancellationToken cancellationToken)
    {
        try
        {
            await context.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateConcurrencyException failure)
        {
            throw new OperatorException(FailureKind.Conflict, $"Manager '{manager.Name}' was changed at the same time: try again.", failure);
        }
    }

    private static string SecretOf(SshRegistration registration)
    {
        var password = registration.Password;
        if (password.Length == 0)
        {
            return PrivateKeyText.Checked(registration.PrivateKey);
        }

        if (registration.PrivateKey.Length > 0)
        {
            throw new OperatorException(FailureKind.InvalidInput, "private_key and password (not shown) exclude each other: give the one with which workers shall come in.")
            {
                Fields = ["private_key", "password"],
            };
        }

        return password.Length <= MaxPasswordLetters && !password.Any(char.IsControl)
            ? password
            : throw new OperatorException(FailureKind.InvalidInput, $"password (not shown) cannot be used: it has {password.Length} characters, up to {MaxPasswordLetters} on one line are possible.") { Fields = ["password"] };
    }

    private static SshSettings SettingsOf(SshRegistration registration)
    {
        if (registration.User.Length is 0 or > MaxUserLetters || registration.User[0] is '-' or '.'
            || !registration.User.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-' or '.'))
        {
            throw OperatorException.Invalid("user", registration.User, $"write the user's name on the hosts, 1 to {MaxUserLetters} letters, digits, '_', '-' or '.'.");
        }

        if (registration.Port is < 0 or > 65535)
        {
            throw OperatorException.Invalid("port", $"{registration.Port}", "write 1 to 65535, or 0 for 22.");
        }

        if (registration.StorageRoot.Length > 0 && (!registration.StorageRoot.StartsWith('/') || registration.StorageRoot.Any(char.IsControl)))
        {
            throw OperatorException.Invalid("storage_root", registration.StorageRoot, $"write an absolute path, or nothing for {SshSettings.UsualStorageRoot}.");
        }

        return new SshSettings
        {
            User = registration.User,
            Port = registration.Port == 0 ? SshSettings.UsualPort : registration.Port,
            Sudo = registration.Sudo,
            UsesPassword = registration.Password.Length > 0,
            StorageRoot = registration.StorageRoot.Length == 0 ? SshSettings.UsualStorageRoot : registration.StorageRoot,
            KnownHosts = registration.KnownHosts,
        };
    }
}
