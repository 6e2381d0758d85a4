// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Tests.Repository.Support;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Format;

/// <summary>A repository in a directory of the test's own, and what must come out of it.</summary>
internal sealed class Fixture : IDisposable
{
    private const string Expected = "expected.json";

    private readonly string _directory = Directory.CreateTempSubdirectory("ovd-format-").FullName;

    private Fixture()
    {
    }

    public required FixtureExpectation Expectation { get; init; }

    /// <summary>The repository itself.</summary>
    public string Repository => Path.Combine(_directory, "repository");

    public static string FrozenFolder { get; } = Path.Combine(SourceFolder(), "Fixtures");

    /// <summary>A copy of a frozen one: the frozen files are never written to.</summary>
    public static Fixture CopyFrozen(string name)
    {
        var source = Path.Combine(FrozenFolder, name);
        var fixture = new Fixture { Expectation = JsonSerializer.Deserialize<FixtureExpectation>(File.ReadAllText(Path.Combine(source, Expected)), FixtureExpectation.Json)! };
        foreach (var file in Directory.GetFiles(Path.Combine(source, "repository"), "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(fixture.Repository, Path.GetRelativePath(Path.Combine(source, "repository"), file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return fixture;
    }

    /// <summary>One as the product writes it today.</summary>
    public static async Task<Fixture> WriteAsync(bool encrypted, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("ovd-format-").FullName;
        var fixture = new Fixture { Expectation = await SampleRepository.WriteAsync(Path.Combine(directory, "repository"), encrypted, cancellationToken) };
        Directory.Move(Path.Combine(directory, "repository"), fixture.Repository);
        Directory.Delete(directory);
        return fixture;
    }

    /// <summary>Keeps it for ever. Refuses to change one that is there.</summary>
    public void Freeze(string name)
    {
        var target = Path.Combine(FrozenFolder, name);
        Assert.False(Directory.Exists(target), $"{target} is frozen: a fixture is never edited, a new version gets a new one.");
        foreach (var file in Directory.GetFiles(Repository, "*", SearchOption.AllDirectories))
        {
            var relative = Path.GetRelativePath(Repository, file);
            if (!relative.StartsWith("locks", StringComparison.Ordinal) && !relative.StartsWith(".tmp", StringComparison.Ordinal))
            {
                var copy = Path.Combine(target, "repository", relative);
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(file, copy);
            }
        }

        File.WriteAllText(Path.Combine(target, Expected), JsonSerializer.Serialize(Expectation, FixtureExpectation.Json) + "\n");
    }

    public string FileOf(string name, string content)
    {
        var path = Path.Combine(_directory, name);
        File.WriteAllText(path, content);
        return path;
    }

    public string FileOf(string name, byte[] content)
    {
        var path = Path.Combine(_directory, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    public string NewFile() => Path.Combine(_directory, Path.GetRandomFileName());

    public IEnumerable<string> Packs() => Directory.GetFiles(Path.Combine(Repository, "packs"), "*.pack", SearchOption.AllDirectories).Order(StringComparer.Ordinal);

    /// <summary>What fits the repository: opened with the passphrase where there is one.</summary>
    public async Task<ContentKeys> KeysAsync(RepositoryStore store, CancellationToken cancellationToken)
    {
        if (Expectation.Secrets is not { } secrets)
        {
            return store.Keys;
        }

        var slots = await store.ListKeySlotsAsync(cancellationToken);
        var slot = Assert.Single(slots, slot => slot.Kind == KeySlotKind.Passphrase);
        return ContentKeys.For(store.Parameters.Encryption, KeySlots.OpenWithPassphrase(slot, secrets.Passphrase));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static string SourceFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}

/// <summary>expected.json: the secrets of a fixture, and the digests of all that is in it.</summary>
internal sealed record FixtureExpectation
{
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Null when it is not encrypted.</summary>
    public FixtureSecrets? Secrets { get; init; }

    public required IReadOnlyList<ExpectedPoint> Points { get; init; }
}

internal sealed record FixtureSecrets(string Passphrase, string KeyFileHex, string PrivateKeyPem, string Paper, IReadOnlyList<string> Shares);

internal sealed record ExpectedPoint(string PointId, string VmName, IReadOnlyList<ExpectedRange> Disks, IReadOnlyList<ExpectedBlob> Blobs);

/// <summary>A range of a disk; all of it, unless the disk is huge.</summary>
internal sealed record ExpectedRange(string DiskId, long DiskSize, int Levels, long Offset, long Length, string Sha256);

internal sealed record ExpectedBlob(string Name, string Sha256)
{
    public static string DigestOf(ReadOnlySpan<byte> content) => Convert.ToHexStringLower(SHA256.HashData(content));
}
