// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Storage.Validation;

/// <summary>What several checks do.</summary>
internal static class CheckTools
{
    public static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new StorageCheckFailedException(otherwise);
        }
    }

    public static void RequireEqual(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, string what)
    {
        if (!expected.SequenceEqual(actual))
        {
            throw new StorageCheckFailedException($"{what}: other bytes came back ({actual.Length} of {expected.Length})");
        }
    }

    /// <summary>Requires that an object, read as a whole, is what was stored.</summary>
    public static async Task RequireContentAsync(IStorageBackend storage, string name, byte[] expected, string what, CancellationToken cancellationToken)
    {
        var actual = await ReadAsync(storage, name, cancellationToken);
        RequireEqual(expected, actual, what);
    }

    /// <summary>Requires that the storage refuses a call as its contract says.</summary>
    public static async Task RequireRefusalAsync(Func<Task> call, string otherwise)
    {
        try
        {
            await call();
        }
        catch (RepositoryException)
        {
            return;
        }

        throw new StorageCheckFailedException(otherwise);
    }

    /// <summary>Reads an object whole, and through a mapping where there is one.</summary>
    public static async Task<byte[]> ReadAsync(IStorageBackend storage, string name, CancellationToken cancellationToken)
    {
        using var reader = await storage.OpenReadAsync(name, cancellationToken) ?? throw new StorageCheckFailedException($"{name}: it cannot be opened");
        var content = new byte[reader.Length];
        var read = await reader.ReadAsync(0, content, cancellationToken);
        Require(read == content.Length, $"{name}: {read} bytes of {content.Length} could be read");
        using var map = reader.Map();
        Require(map is null || map.Slice(0, content.Length).SequenceEqual(content), $"{name}: the mapping has other bytes");
        return content;
    }

    public static async Task<List<StorageObject>> ListAsync(IStorageBackend storage, string folder, CancellationToken cancellationToken)
    {
        var found = new List<StorageObject>();
        await foreach (var item in storage.ListAsync(folder, cancellationToken))
        {
            found.Add(item);
        }

        return found;
    }

    /// <summary>Bytes that do not compress, the same every time.</summary>
    public static byte[] Content(int length, int seed)
    {
        var content = new byte[length];
        new Random(seed).NextBytes(content);
        return content;
    }
}
