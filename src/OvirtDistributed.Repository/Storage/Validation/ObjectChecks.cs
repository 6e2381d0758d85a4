// SPDX-License-Identifier: Apache-2.0
using static OvirtDistributed.Repository.Storage.Validation.CheckTools;

namespace OvirtDistributed.Repository.Storage.Validation;

/// <summary>Objects that are written at once.</summary>
internal static class ObjectChecks
{
    public static StorageCheck[] All { get; } =
    [
        new("round trip", "what is stored cannot be found, read or listed", RoundTripAsync),
        new("create only", "a restore point could be replaced by another", CreateOnlyAsync),
        new("create race", "two processes could both believe that they created an object", CreateRaceAsync),
        new("absent object", "an absent object is reported as a failure of the storage", AbsentAsync),
        new("unfinished write", "half an object could be taken for a whole one", UnfinishedAsync),
        new("large write", "an index of many gigabytes could not be stored", LargeWriteAsync),
        new("ranged read", "a restore would get wrong bytes, which it notices, or fail", RangedReadAsync),
        new("delete", "space is not given back, or an object is gone that was not removed", DeleteAsync),
    ];

    private static async Task<string> RoundTripAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, name) = (context.Storage, context.Name("a/b/c.json"));
        byte[] content = [1, 2, 3];
        Require(await storage.PutAsync(name, content, StoragePutMode.CreateOnly, cancellationToken), "a new object was not created");
        var expected = new StorageObject(name, 3);
        Require(await storage.FindAsync(name, cancellationToken) == expected, "it is not found with its length");
        await RequireContentAsync(storage, name, content, "read", cancellationToken);
        var listed = await ListAsync(storage, context.Name("a"), cancellationToken);
        Require(listed.Count == 1 && listed[0] == expected, $"the list of its folder has {listed.Count} objects: {string.Join(", ", listed)}");
        Require((await ListAsync(storage, context.Name("a/x"), cancellationToken)).Count == 0, "the list of an absent folder is not empty");
        Require((await ListAsync(storage, context.Name("b"), cancellationToken)).Count == 0, "the list of another folder is not empty");
        Require(await storage.PutAsync(context.Name("empty"), ReadOnlyMemory<byte>.Empty, StoragePutMode.CreateOnly, cancellationToken), "an empty object was not created");
        Require((await ReadAsync(storage, context.Name("empty"), cancellationToken)).Length == 0, "an empty object is not empty");
        return "";
    }

    private static async Task<string> CreateOnlyAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, name) = (context.Storage, context.Name("x"));
        await storage.PutAsync(name, new byte[] { 1 }, StoragePutMode.CreateOnly, cancellationToken);
        Require(!await storage.PutAsync(name, new byte[] { 2 }, StoragePutMode.CreateOnly, cancellationToken), "an object that exists was created again");
        await RequireContentAsync(storage, name, [1], "after the second creation", cancellationToken);
        Require(await storage.PutAsync(name, new byte[] { 3 }, StoragePutMode.Replace, cancellationToken), "it could not be replaced");
        await RequireContentAsync(storage, name, [3], "after the replacement", cancellationToken);
        return "";
    }

    private static async Task<string> CreateRaceAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        const int Racers = 20;
        var (storage, name) = (context.Storage, context.Name("y"));
        var results = await Task.WhenAll(Enumerable.Range(0, Racers).Select(i =>
            Task.Run(() => storage.PutAsync(name, new[] { (byte)i }, StoragePutMode.CreateOnly, cancellationToken), cancellationToken)));
        var winners = Enumerable.Range(0, Racers).Where(i => results[i]).ToList();
        Require(winners.Count == 1, $"{winners.Count} of {Racers} were told that they created it");
        await RequireContentAsync(storage, name, [(byte)winners[0]], "the winner's content", cancellationToken);
        return "";
    }

    private static async Task<string> AbsentAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var name = context.Name("no/such");
        Require(await context.Storage.FindAsync(name, cancellationToken) is null, "it was found");
        Require(await context.Storage.OpenReadAsync(name, cancellationToken) is null, "it was opened");
        await context.Storage.DeleteAsync(name, cancellationToken);
        return "";
    }

    private static async Task<string> UnfinishedAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, name) = (context.Storage, context.Name("w/1"));
        await using (var writer = await storage.CreateWriterAsync(name, cancellationToken))
        {
            await writer.WriteAsync(new byte[] { 1 }, cancellationToken);
            Require((await ListAsync(storage, context.Name("w"), cancellationToken)).Count == 0, "an unfinished object is listed");
        }

        Require(await storage.FindAsync(name, cancellationToken) is null, "a write that was given up left an object");
        await using (var writer = await storage.CreateWriterAsync(name, cancellationToken))
        {
            await writer.WriteAsync(new byte[] { 1 }, cancellationToken);
            await writer.WriteAsync(new byte[] { 2 }, cancellationToken);
            await writer.CommitAsync(cancellationToken);
        }

        await RequireContentAsync(storage, name, [1, 2], "after the commit", cancellationToken);
        return "";
    }

    private static async Task<string> LargeWriteAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, name) = (context.Storage, context.Name("large"));
        var content = Content((40 << 20) + 4711, 1);
        await using (var givenUp = await storage.CreateWriterAsync(name, cancellationToken))
        {
            await givenUp.WriteAsync(content, cancellationToken);
        }

        Require(await storage.FindAsync(name, cancellationToken) is null, "a large write that was given up left an object");
        await using (var writer = await storage.CreateWriterAsync(name, cancellationToken))
        {
            for (var start = 0; start < content.Length; start += 3_000_001)
            {
                await writer.WriteAsync(content.AsMemory(start, Math.Min(3_000_001, content.Length - start)), cancellationToken);
            }

            await writer.CommitAsync(cancellationToken);
        }

        Require(await storage.FindAsync(name, cancellationToken) == new StorageObject(name, content.Length), "it has another length");
        await RequireContentAsync(storage, name, content, "after the commit", cancellationToken);
        return "40 MiB in pieces";
    }

    private static async Task<string> RangedReadAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var content = Content(1_000_003, 2);
        await context.Storage.PutAsync(context.Name("r"), content, StoragePutMode.CreateOnly, cancellationToken);
        using var reader = await context.Storage.OpenReadAsync(context.Name("r"), cancellationToken) ?? throw new StorageCheckFailedException("it cannot be opened");
        foreach (var (offset, length) in new[] { (0, 1), (1, 70_000), (262_143, 2), (200_000, 400_000), (999_999, 100), (1_000_003, 5), (2_000_000, 1) })
        {
            var buffer = new byte[length];
            var read = await reader.ReadAsync(offset, buffer, cancellationToken);
            RequireEqual(content.AsSpan(Math.Min(offset, content.Length), Math.Clamp(content.Length - offset, 0, length)), buffer.AsSpan(0, read), $"{length} bytes at {offset}");
        }

        return "";
    }

    private static async Task<string> DeleteAsync(StorageCheckContext context, CancellationToken cancellationToken)
    {
        var (storage, name) = (context.Storage, context.Name("d"));
        await storage.PutAsync(name, new byte[] { 5 }, StoragePutMode.CreateOnly, cancellationToken);
        await storage.PutAsync(name, new byte[] { 6 }, StoragePutMode.Replace, cancellationToken);
        await storage.PutAsync(name + "d", new byte[] { 7 }, StoragePutMode.CreateOnly, cancellationToken);
        using var reader = await storage.OpenReadAsync(name, cancellationToken) ?? throw new StorageCheckFailedException("it cannot be opened");
        await storage.DeleteAsync(name, cancellationToken);
        Require(await storage.FindAsync(name, cancellationToken) is null, "it is still found");
        Require(await storage.OpenReadAsync(name, cancellationToken) is null, "it can still be opened");
        var buffer = new byte[1];
        Require(await reader.ReadAsync(0, buffer, cancellationToken) == 1 && buffer[0] == 6, "who had it open cannot read it any more");
        await RequireContentAsync(storage, name + "d", [7], "an object with a longer name", cancellationToken);
        Require(await storage.PutAsync(name, new byte[] { 8 }, StoragePutMode.CreateOnly, cancellationToken), "its name cannot be used again");
        return "";
    }
}
