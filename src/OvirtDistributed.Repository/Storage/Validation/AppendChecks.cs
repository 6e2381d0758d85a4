// SPDX-License-Identifier: Apache-2.0
using static OvirtDistributed.Repository.Storage.Validation.CheckTools;

namespace OvirtDistributed.Repository.Storage.Validation;

/// <summary>Objects that grow: packs and journals.</summary>
internal static class AppendChecks
{
    public static StorageCheck[] All { get; } =
    [
        new("append", "backups cannot be written, or read while they are", AppendAsync),
        new("append after reopening", "a pack could not be finished after a crash", ReopenAsync),
        new("append many", "chunks would be missing from packs, which a commit or a verification notices", ManyAsync),
        new("flush beside appends", "an acknowledgement could come before the bytes are safe", BesideAsync),
        new("delete of an appended object", "garbage collection gives no space back", DeleteAsync),
    ];

    private static async Task<string> AppendAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, name) = (context.Storage, context.Name("p/1"));
        await using (var appender = await storage.OpenAppendAsync(name, create: true, cancellationToken))
        {
            Require(await storage.FindAsync(name, cancellationToken) == new StorageObject(name, 0), "its name is not there at once");
            await appender.AppendAsync(new byte[] { 1, 2 }, cancellationToken);
            using var reader = await storage.OpenReadAsync(name, cancellationToken) ?? throw new StorageCheckFailedException("it cannot be opened");
            await appender.AppendAsync(new byte[] { 3 }, cancellationToken);
            await appender.FlushAsync(cancellationToken);
            Require(appender.Length == 3, $"the writer counts {appender.Length} bytes of 3");
            Require(reader.Length == 3, $"an open reader sees {reader.Length} bytes of 3");
            var buffer = new byte[10];
            var read = await reader.ReadAsync(1, buffer, cancellationToken);
            RequireEqual([2, 3], buffer.AsSpan(0, read), "an open reader");
            Require(await reader.ReadAsync(99, buffer, cancellationToken) == 0, "something was read behind the end");
        }

        await RequireRefusalAsync(
            async () => await (await storage.OpenAppendAsync(name, create: true, cancellationToken)).DisposeAsync(), "an object that exists was created again");
        await using var again = await storage.OpenAppendAsync(name, create: false, cancellationToken);
        await again.AppendAsync(new byte[] { 4 }, cancellationToken);
        await RequireContentAsync(storage, name, [1, 2, 3, 4], "after reopening", cancellationToken);
        return "";
    }

    private static async Task<string> ReopenAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, name) = (context.Storage, context.Name("p/2"));
        var content = Content(5000, 3);
        await using (var appender = await storage.OpenAppendAsync(name, create: true, cancellationToken))
        {
            await appender.AppendAsync(content.AsMemory(0, 1000), cancellationToken);
            await appender.FlushAsync(cancellationToken);
            await appender.AppendAsync(content.AsMemory(1000, 1500), cancellationToken);
            await appender.FlushAsync(cancellationToken);
        }

        await using (var appender = await storage.OpenAppendAsync(name, create: false, cancellationToken))
        {
            Require(appender.Length == 2500, $"{appender.Length} bytes of 2500 are there");
            await appender.AppendAsync(content.AsMemory(2500), cancellationToken);
            await appender.FlushAsync(cancellationToken);
        }

        await RequireContentAsync(storage, name, content, "after reopening", cancellationToken);
        var listed = await ListAsync(storage, context.Name("p"), cancellationToken);
        Require(listed.Count == 1 && listed[0] == new StorageObject(name, 5000), $"the list has {listed.Count} objects: {string.Join(", ", listed)}");
        await RequireRefusalAsync(
            async () => await (await storage.OpenAppendAsync(context.Name("p/none"), create: false, cancellationToken)).DisposeAsync(),
            "an absent object was opened to append");
        Require(!await storage.PutAsync(name, new byte[1], StoragePutMode.CreateOnly, cancellationToken), "it was created again by a put");
        return "";
    }

    private static async Task<string> ManyAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, name) = (context.Storage, context.Name("p/3"));
        var content = Content(24 << 20, 4);
        await using (var appender = await storage.OpenAppendAsync(name, create: true, cancellationToken))
        {
            using var early = await storage.OpenReadAsync(name, cancellationToken) ?? throw new StorageCheckFailedException("it cannot be opened");
            for (var start = 0; start < content.Length; start += 1_500_007)
            {
                await appender.AppendAsync(content.AsMemory(start, Math.Min(1_500_007, content.Length - start)), cancellationToken);
                if (start % 5 == 0)
                {
                    await appender.FlushAsync(cancellationToken);
                }
            }

            await appender.FlushAsync(cancellationToken);
            var seen = new byte[content.Length + 1];
            var read = await early.ReadAsync(0, seen, cancellationToken);
            RequireEqual(content, seen.AsSpan(0, read), "a reader opened before");
        }

        using var reader = await storage.OpenReadAsync(name, cancellationToken) ?? throw new StorageCheckFailedException("it cannot be opened");
        foreach (var (offset, length) in new[] { (0, 10), (1_500_000, 20), (1_499_999, 9_000_000), (content.Length - 3, 100) })
        {
            var buffer = new byte[length];
            var read = await reader.ReadAsync(offset, buffer, cancellationToken);
            RequireEqual(content.AsSpan(offset, Math.Min(length, content.Length - offset)), buffer.AsSpan(0, read), $"{length} bytes at {offset}");
        }

        await RequireContentAsync(storage, name, content, "as a whole", cancellationToken);
        return "";
    }

    private static async Task<string> BesideAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, name) = (context.Storage, context.Name("p/4"));
        var content = Content(2 << 20, 5);
        await using (var appender = await storage.OpenAppendAsync(name, create: true, cancellationToken))
        {
            var flush = Task.CompletedTask;
            for (var start = 0; start < content.Length; start += 64 << 10)
            {
                await appender.AppendAsync(content.AsMemory(start, 64 << 10), cancellationToken);
                if (flush.IsCompleted)
                {
                    await flush;
                    flush = appender.FlushAsync(cancellationToken);
                }
            }

            await flush;
            await appender.FlushAsync(cancellationToken);
        }

        await RequireContentAsync(storage, name, content, "afterwards", cancellationToken);
        return "";
    }

    private static async Task<string> DeleteAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, name) = (context.Storage, context.Name("p/5"));
        for (var round = 0; round < 2; round++)
        {
            await using (var appender = await storage.OpenAppendAsync(name, create: true, cancellationToken))
            {
                for (var part = 0; part < 3 - round; part++)
                {
                    await appender.AppendAsync(Content(100, round), cancellationToken);
                    await appender.FlushAsync(cancellationToken);
                }
            }

            Require(await storage.FindAsync(name, cancellationToken) == new StorageObject(name, 100 * (3 - round)), "it has another length");
            await storage.DeleteAsync(name, cancellationToken);
            Require(await storage.FindAsync(name, cancellationToken) is null, "it is still found");
            Require((await ListAsync(storage, context.Folder, cancellationToken)).Count == 0, "it is still listed");
        }

        return "";
    }
}
