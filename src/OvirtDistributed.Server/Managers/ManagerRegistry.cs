// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Trust;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Jobs;

namespace OvirtDistributed.Server.Managers;

/// <summary>What an operator gives to make a manager known.</summary>
internal sealed record ManagerRegistration(
    string Name, string Url, string User, string Password, string CaPem, string CaFingerprint, bool TrustOnFirstUse,
    IReadOnlyDictionary<string, string> HostAddresses)
{
    public override string ToString() => $"ManagerRegistration {Name} {Url}";
}

/// <summary>The stored manager, or the fingerprint that waits for an operator's word.</summary>
internal sealed record ManagerAdded(Guid? Id, string UnconfirmedFingerprint);

/// <summary>Adds and removes managers. Connects first and stores only what works.</summary>
internal sealed class ManagerRegistry(
    IDbContextFactory<ServerDbContext> contexts, OvirtEngineClientFactory engines, FirstUseTrustFetcher trust, PasswordSeal seal, InventoryReader inventory,
    TimeProvider time)
{
    /// <exception cref="OperatorException">The registration cannot work.</exception>
    public async Task<ManagerAdded> AddAsync(ManagerRegistration registration, CancellationToken cancellationToken)
    {
        var url = CheckedUrl(registration);
        var id = ManagerIdentity.Of(url);
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await context.Managers.AsNoTracking().FirstOrDefaultAsync(row => row.Id == id || row.Name == registration.Name, cancellationToken) is { } known)
        {
            throw new OperatorException(
                FailureKind.AlreadyExists,
                known.Id == id
                    ? $"url '{registration.Url}' is known already as manager '{known.Name}': remove that one first to change it."
                    : $"name '{registration.Name}' is taken by manager {known.Url}: choose another.");
        }

        var (settled, unconfirmed) = await SettleTrustAsync(registration, url, cancellationToken);
        if (settled is null)
        {
            return new ManagerAdded(null, unconfirmed);
        }

        var manager = NewManager(registration, url, id, settled);
        await ConnectAsync(manager, registration.Password, cancellationToken);
        context.Managers.Add(manager);
        try
        {
            await context.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException failure) when (failure.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            throw new OperatorException(FailureKind.Conflict, $"Manager '{registration.Name}' was added by somebody else at the same time.", failure);
        }

        try
        {
            await inventory.ReadAsync(id, cancellationToken);
        }
        catch (EngineException)
        {
            // The manager is known and works; its row shows the problem, and the inventory is read again soon.
        }

        return new ManagerAdded(id, "");
    }

    /// <exception cref="OperatorException">Unknown, or jobs of it run.</exception>
    public async Task RemoveAsync(string nameOrId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var manager = NameLookup.Resolve(
            await context.Managers.ToListAsync(cancellationToken), "manager", "manager", nameOrId, row => row.Name, row => row.Id);
        var running = await context.Jobs.CountAsync(job => job.ManagerId == manager.Id && job.Outcome == JobOutcome.Running, cancellationToken);
        if (running > 0)
        {
            throw new OperatorException(FailureKind.WrongState, $"manager '{manager.Name}' has {running} running job(s): wait for them, or cancel them.");
        }

        var open = await context.Ledger.CountAsync(entry => entry.ManagerId == manager.Id && entry.State != Ledger.LedgerState.Closed, cancellationToken);
        if (open > 0)
        {
            throw new OperatorException(
                FailureKind.WrongState, $"manager '{manager.Name}' still holds {open} thing(s) we made that are being cleaned up: try again in some minutes.");
        }

        await context.Managers.Where(row => row.Id == manager.Id).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>Reads it now, and says plainly when that fails.</summary>
    /// <exception cref="OperatorException">The manager cannot be read.</exception>
    public async Task ReadInventoryAsync(Guid managerId, CancellationToken cancellationToken)
    {
        try
        {
            await inventory.ReadAsync(managerId, cancellationToken);
        }
        catch (EngineException failure)
        {
            throw Operator(failure);
        }
    }

    private static Uri CheckedUrl(ManagerRegistration registration)
    {
        if (registration.Name.Length is 0 or > 100)
        {
            throw OperatorException.Invalid("name", registration.Name, "use 1 to 100 characters.");
        }

        return Uri.TryCreate(registration.Url, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttps
            ? url
            : throw OperatorException.Invalid("url", registration.Url, "write https://HOST/ovirt-engine/api.");
    }

    /// <summary>A given CA is pinned; a fetched one only after its fingerprint was confirmed or with the explicit wish to trust on first use.</summary>
    private async Task<(TlsTrust? Trust, string Unconfirmed)> SettleTrustAsync(
        ManagerRegistration registration, Uri url, CancellationToken cancellationToken)
    {
        FirstUseTrust shown;
        try
        {
            shown = await trust.FetchAsync(url, registration.HostAddresses, cancellationToken);
        }
        catch (OvirtException failure)
        {
            throw new OperatorException(FailureKind.Unavailable, $"url '{registration.Url}': {failure.Message}", failure) { Fields = ["url"] };
        }

        if (registration.CaPem.Length > 0)
        {
            // The given CA signs the web certificate; it also vouches for the hosts when it is the engine's own.
            var given = FingerprintOf(registration.CaPem);
            return (given == Normalized(shown.EngineCaFingerprint) ? TlsTrust.Pinned(registration.CaPem) : shown.Confirm(registration.CaPem), "");
        }

        var fingerprint = Normalized(shown.EngineCaFingerprint);
        if (registration.CaFingerprint.Length > 0 && Normalized(registration.CaFingerprint) != fingerprint)
        {
            throw OperatorException.Invalid(
                "ca_fingerprint", registration.CaFingerprint, $"the manager's CA has another, {shown.EngineCaFingerprint}: somebody may stand in between, or the CA was renewed.");
        }

        if (registration.CaFingerprint.Length == 0 && !registration.TrustOnFirstUse)
        {
            return (null, shown.EngineCaFingerprint);
        }

        return shown.IsSufficient
            ? (shown.Confirm(null), "")
            : throw OperatorException.Invalid(
                "ca_pem", "", $"the manager's web certificate ({shown.WebCertificateSubject}) is not from its own CA or for another name: give the CA that signed it.");
    }

    private StoredManager NewManager(ManagerRegistration registration, Uri url, Guid id, TlsTrust settled) => new()
    {
        Id = id,
        Name = registration.Name,
        Url = url.ToString(),
        UserName = registration.User,
        SealedPassword = seal.Seal(id, registration.Password),
        CaPem = settled.WebCaPem ?? "",
        EngineCaPem = settled.EngineCaPem ?? "",
        CaFingerprint = settled.EngineCaPem is { } pem ? FingerprintOf(pem) : "",
        HostAddresses = new Dictionary<string, string>(registration.HostAddresses),
        Created = time.GetUtcNow(),
    };

    private async Task ConnectAsync(StoredManager manager, string password, CancellationToken cancellationToken)
    {
        try
        {
            await using var client = EngineDirectory.Connect(engines, manager, password);
            var product = await new OvirtEngine(client).ReadProductAsync(cancellationToken);
            manager.Product = product.Product;
            manager.ProductVersion = product.Version;
        }
        catch (EngineException failure)
        {
            throw Operator(failure);
        }
    }

    private static OperatorException Operator(EngineException failure) => new(
        failure.Failure switch
        {
            EngineFailure.Unauthorized => FailureKind.Unauthorized,
            EngineFailure.Unreachable or EngineFailure.Locked => FailureKind.Unavailable,
            EngineFailure.NotFound => FailureKind.NotFound,
            _ => FailureKind.InvalidInput,
        },
        failure.Message,
        failure);

    private static string FingerprintOf(string pem)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(pem);
            return certificate.GetCertHashString(HashAlgorithmName.SHA256);
        }
        catch (CryptographicException failure)
        {
            throw new OperatorException(FailureKind.InvalidInput, $"ca_pem holds no PEM certificate: {failure.Message}", failure) { Fields = ["ca_pem"] };
        }
    }

    private static string Normalized(string fingerprint) => fingerprint.Replace(":", "", StringComparison.Ordinal).Trim().ToUpperInvariant();
}
