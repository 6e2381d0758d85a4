// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text.Json;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Format;

/// <summary>docs/repository-format.md is enough: a reader written from it gets every byte back, without the product.</summary>
public sealed class IndependentReaderTests
{
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RepositoryOfToday_IsReadInFull(bool encrypted)
    {
        using var fixture = await Fixture.WriteAsync(encrypted, _token).WithinDeadline();
        await ReadAllAsync(fixture, Passphrase(fixture));
    }

    [Theory]
    [MemberData(nameof(FormatCompatibilityTests.Frozen), MemberType = typeof(FormatCompatibilityTests))]
    public async Task FrozenRepository_IsReadInFull(string name)
    {
        using var fixture = Fixture.CopyFrozen(name);
        await ReadAllAsync(fixture, Passphrase(fixture));
    }

    [Fact]
    public async Task EverySecret_OpensTheRepository()
    {
        using var fixture = Fixture.CopyFrozen(FormatCompatibilityTests.Encrypted);
        var secrets = fixture.Expectation.Secrets!;
        string[][] keys =
        [
            ["--key-file", fixture.FileOf("key", Convert.FromHexString(secrets.KeyFileHex))],
            ["--private-key", fixture.FileOf("private.pem", secrets.PrivateKeyPem)],
            ["--paper", fixture.FileOf("paper", "# from the safe\n" + secrets.Paper.ToLowerInvariant().Replace(' ', '\n'))],
            ["--share", fixture.FileOf("share-3", secrets.Shares[2]), "--share", fixture.FileOf("share-1", secrets.Shares[0])],
        ];
        foreach (var key in keys)
        {
            await ReadDiskAsync(fixture, SampleRepository.Incremental, fixture.Expectation.Points[1].Disks[0], key);
        }
    }

    [Fact]
    public async Task AWrongOrMissingSecret_IsRefused()
    {
        using var fixture = Fixture.CopyFrozen(FormatCompatibilityTests.Encrypted);
        var wrong = fixture.FileOf("wrong", "incorrect horse battery\n");
        await RefusedAsync("nothing that was given opens", "list", fixture.Repository, "--passphrase-file", wrong);
        await RefusedAsync("the repository is encrypted", "list", fixture.Repository);
        using var plain = Fixture.CopyFrozen(FormatCompatibilityTests.Plain);
        await RefusedAsync("not encrypted", "list", plain.Repository, "--passphrase-file", wrong);
    }

    [Fact]
    public async Task PacksWithoutTheirEnds_AreScanned()
    {
        using var fixture = Fixture.CopyFrozen(FormatCompatibilityTests.Plain);
        FrameEditor.CutTrailers(fixture);
        await ReadDiskAsync(fixture, SampleRepository.Incremental, fixture.Expectation.Points[1].Disks[0], []);
    }

    [Fact]
    public async Task PacksThatTheProductSealedAfterACrash_AreRead()
    {
        using var fixture = Fixture.CopyFrozen(FormatCompatibilityTests.Encrypted);
        FrameEditor.CutTrailers(fixture);
        foreach (var pack in fixture.Packs())
        {
            await using var file = new FileStream(pack, FileMode.Append);
            await file.WriteAsync(new byte[] { 0x4F, 0x56, 0x44, 0x46, 1, 1, 0, 0, 5 }, _token);
        }

        await using (var storage = LocalStorage.Open(fixture.Repository))
        {
            await using var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
            Assert.True(store.Recovery.UnsealedPacks > 0);
        }

        await ReadDiskAsync(fixture, SampleRepository.Incremental, fixture.Expectation.Points[1].Disks[0], Passphrase(fixture));
    }

    [Fact]
    public async Task ADiskInManyPacks_IsRead()
    {
        using var directory = new TemporaryDirectory();
        var disk = new TestDisk((40 << 20) + 4096).Fill(0, 3 << 20, 1).Fill(15 << 20, 2 << 20, 2, compressible: false).Fill(39 << 20, (1 << 20) + 4096, 3);
        await using (var storage = LocalStorage.Open(directory.File("repository")))
        {
            await using var store = await TestRepository.CreateAsync(storage, _token).WithinDeadline();
            disk.TakeDirty();
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), basePoint: null, _token).WithinDeadline();
            disk.Fill(1 << 20, 70_000, 4).Zero(15 << 20, 1 << 20).Grow(70 << 20).Fill(55 << 20, 300_000, 6);
            await store.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", _token).WithinDeadline();
            Assert.True(store.GetStatistics().Packs > 3);
        }

        var output = directory.File("disk.raw");
        await IndependentReader.RunAsync("restore", directory.File("repository"), "--point", "point-job-1", "--disk", "disk-1", "--output", output);
        Assert.Equal(ExpectedBlob.DigestOf(disk.Content), await DigestOfFileAsync(output));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AFrameOfALaterProgram_IsRefused_AlsoInAScan(bool unsealed)
    {
        using var fixture = Fixture.CopyFrozen(FormatCompatibilityTests.Plain);
        FrameEditor.ChangeFrames(fixture, 7, 0x02);
        if (unsealed)
        {
            FrameEditor.CutTrailers(fixture);
        }

        await RefusedAsync(
            "flags 02 are unknown", "restore", fixture.Repository, "--point", SampleRepository.Full, "--disk", "system", "--output", fixture.NewFile());
    }

    [Fact]
    public async Task ADamagedManifest_IsNamedAndTheOthersAreListed()
    {
        using var fixture = Fixture.CopyFrozen(FormatCompatibilityTests.Plain);
        var manifests = Directory.GetFiles(Path.Combine(fixture.Repository, "points"), "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
        var content = await File.ReadAllBytesAsync(manifests[0], _token);
        content[^10] ^= 1;
        await File.WriteAllBytesAsync(manifests[0], content, _token);

        var (status, output, error) = await IndependentReader.TryRunAsync("list", fixture.Repository);

        Assert.Equal(1, status);
        Assert.Equal(manifests.Count - 1, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains(Path.GetFileName(manifests[0]), error, StringComparison.Ordinal);
        Assert.Contains("1 of the points cannot be read", error, StringComparison.Ordinal);
    }

    private static async Task ReadAllAsync(Fixture fixture, string[] key)
    {
        var manifests = (await IndependentReader.RunAsync(["list", fixture.Repository, .. key])).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonSerializer.Deserialize<JsonElement>(line)).ToList();
        Assert.Equal(fixture.Expectation.Points.Select(point => point.PointId), manifests.Select(manifest => manifest.GetProperty("pointId").GetString()));
        foreach (var (point, manifest) in fixture.Expectation.Points.Zip(manifests))
        {
            Assert.Equal(point.VmName, manifest.GetProperty("vmName").GetString());
            Assert.Equal("alias of system", manifest.GetProperty("disks")[0].GetProperty("alias").GetString());
            foreach (var disk in point.Disks)
            {
                await ReadDiskAsync(fixture, point.PointId, disk, key);
            }

            var blob = Assert.Single(point.Blobs);
            var output = fixture.NewFile();
            await IndependentReader.RunAsync(["blob", fixture.Repository, .. key, "--checksums", "--point", point.PointId, "--name", blob.Name, "--output", output]);
            Assert.Equal(blob.Sha256, await DigestOfFileAsync(output));
        }
    }

    private static async Task ReadDiskAsync(Fixture fixture, string point, ExpectedRange disk, string[] key)
    {
        var output = fixture.NewFile();
        await IndependentReader.RunAsync(
        [
            "restore", fixture.Repository, .. key, "--checksums", "--point", point, "--disk", disk.DiskId, "--output", output,
            "--offset", $"{disk.Offset}", "--length", $"{disk.Length}",
        ]);
        Assert.Equal(disk.Length, new FileInfo(output).Length);
        Assert.Equal(disk.Sha256, await DigestOfFileAsync(output));
    }

    private static async Task RefusedAsync(string why, params string[] arguments)
    {
        var (status, _, error) = await IndependentReader.TryRunAsync(arguments);
        Assert.Equal(1, status);
        Assert.Contains(why, error, StringComparison.Ordinal);
        Assert.DoesNotContain("Traceback", error, StringComparison.Ordinal);
    }

    private static string[] Passphrase(Fixture fixture) =>
        fixture.Expectation.Secrets is { } secrets ? ["--passphrase-file", fixture.FileOf("passphrase", secrets.Passphrase + "\r\nmore\n")] : [];

    private static async Task<string> DigestOfFileAsync(string path)
    {
        await using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file));
    }
}
