// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text.Json;
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
    public async Task AFrameOfANewerKind_IsRefused()
    {
        using var fixture = Fixture.CopyFrozen(FormatCompatibilityTests.Plain);
        FrameEditor.ChangeFrames(fixture, 7, 0x02);
        await RefusedAsync(
            "flags 02 are unknown", "restore", fixture.Repository, "--point", SampleRepository.Full, "--disk", "system", "--output", fixture.NewFile());
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
