// SPDX-License-Identifier: Apache-2.0
using static OvirtDistributed.Repository.Storage.Validation.CheckTools;

namespace OvirtDistributed.Repository.Storage.Validation;

/// <summary>What keeps others away: other processes, and those who would remove a backup.</summary>
internal static class ExclusionChecks
{
    private static readonly TimeSpan Protection = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan ProtectionEnds = TimeSpan.FromSeconds(30);

    public static StorageCheck[] All { get; } =
    [
        new("lock", "two Data Movers could write to one repository and spoil it", LockAsync),
        new("protection", "protected restore points could be removed before their date", ProtectAsync),
    ];

    private static async Task<string> LockAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, name) = (context.Storage, context.Name("l/lock"));
        var held = await storage.TryLockAsync(name, cancellationToken);
        Require(held is not null, "a free lock could not be taken");
        Require(await storage.TryLockAsync(name, cancellationToken) is null, "a lock that is held was given a second time");
        await held!.DisposeAsync();
        var again = await storage.TryLockAsync(name, cancellationToken);
        Require(again is not null, "a lock that was given back could not be taken");
        await again!.DisposeAsync();
        return "";
    }

    private static async Task<string> ProtectAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, whole, appended) = (context.Storage, context.Name("kept"), context.Name("kept.pack"));
        Require(!await storage.ProtectAsync(context.Name("none"), context.TimeProvider.GetUtcNow(), cancellationToken), "an absent object was protected");
        await storage.PutAsync(whole, new byte[] { 1 }, StoragePutMode.CreateOnly, cancellationToken);
        await using (var appender = await storage.OpenAppendAsync(appended, create: true, cancellationToken))
        {
            await appender.AppendAsync(new byte[] { 2 }, cancellationToken);
            await appender.FlushAsync(cancellationToken);
        }

        var until = context.TimeProvider.GetUtcNow() + Protection;
        if (!await storage.ProtectAsync(whole, until, cancellationToken))
        {
            return "not supported here: only the repository's own rules protect restore points";
        }

        Require(await storage.ProtectAsync(appended, until, cancellationToken), "an appended object cannot be protected");
        Require(await storage.ProtectAsync(whole, until.AddSeconds(-3), cancellationToken), "asking for an earlier date was not taken as done");
        await RequireRefusalAsync(() => storage.DeleteAsync(whole, cancellationToken), "a protected object was removed");
        await RequireRefusalAsync(() => storage.DeleteAsync(appended, cancellationToken), "a protected appended object was removed");
        await RequireContentAsync(storage, whole, [1], "the protected object", cancellationToken);
        await RequireContentAsync(storage, appended, [2], "the protected appended object", cancellationToken);
        await RemoveLaterAsync(context, whole, cancellationToken);
        await RemoveLaterAsync(context, appended, cancellationToken);
        return "supported; removed after its date";
    }

    // Nothing announces that the date has come for the storage.
    private static async Task RemoveLaterAsync(StorageCheckContext context, string name, CancellationToken cancellationToken)
    {
        var begun = context.TimeProvider.GetTimestamp();
        while (true)
        {
            try
            {
                await context.Storage.DeleteAsync(name, cancellationToken);
                return;
            }
            catch (RepositoryException) when (context.TimeProvider.GetElapsedTime(begun) < ProtectionEnds)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(500), context.TimeProvider, cancellationToken);
            }
        }
    }
}
