// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Text;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Repository.Store.Packs;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

/// <summary>Storage in the hands of somebody else, and files that are not what they were.</summary>
public sealed class HardeningTests : IAsyncDisposable
{
    private static readonly GcOptions AtOnce = new() { Grace = TimeSpan.Zero };

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;
    private readonly CrashStorage _storage = new();
    private readonly TestDisk _disk = new TestDisk(4 << 20).Fill(0, 1 << 20, 1, compressible: false);

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    public async Task TextOfAVersionBelowOne_IsRefused(int version)
    {
        await (await BackUpAsync()).DisposeAsync();
        var text = Encoding.UTF8.GetString(_storage.Read("repo.json"));
        _storage.Write("repo.json", Encoding.UTF8.GetBytes(text.Replace("\"version\":1,", $"\"version\":{version},", StringComparison.Ordinal)));

        var refused = await Assert.ThrowsAsync<RepositoryException>(() => TestRepository.OpenAsync(_storage, _token)).WithinDeadline();

        Assert.Equal(RepositoryError.Damaged, refused.Error);
        Assert.Contains($"format version {version}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PackOfVersionZero_IsNotUsed_NamedAndLeftAlone()
    {
        await (await BackUpAsync()).DisposeAsync();
        RemoveIndex();
        var name = Packs()[0];
        var pack = _storage.Read(name);
        pack[8] = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(pack.AsSpan(60), Crc32C.Compute(pack.AsSpan(0, 60)));
        _storage.Write(name, pack);

        await using var store = await TestRepository.OpenAsync(_storage, _token);

        Assert.Contains(store.Recovery.Problems, problem => problem.Contains($"{name}: version 0", StringComparison.Ordinal));
        await Assert.ThrowsAsync<RepositoryException>(() => store.RestoreAsync("point-job-0", _token)).WithinDeadline();
        Assert.Equal(pack, _storage.Read(name));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task PackOfWhichNothingIsLeft_IsKeptByOpeningAndCollection(bool indexed)
    {
        await (await BackUpAsync()).DisposeAsync();
        if (!indexed)
        {
            RemoveIndex();
        }

        var name = Packs()[0];
        var pack = _storage.Read(name);
        pack.AsSpan(PackFormat.HeaderLength).Fill(0xEE);
        _storage.Write(name, pack);

        // The index covers the sealed pack, so nothing is looked at; garbage collection looks.
        for (var round = 0; round < 2; round++)
        {
            await using var store = await TestRepository.OpenAsync(_storage, _token);
            Assert.Equal(!indexed, store.Recovery.Problems.Any(problem => problem.Contains(name, StringComparison.Ordinal)));
            await store.RemovePointAsync("point-job-0", _token);
            var report = await store.CollectAsync(AtOnce, null, _token).WithinDeadline();
            Assert.Equal(indexed, report.Problems.Any(problem => problem.Contains(name, StringComparison.Ordinal)));
            Assert.Equal(pack, _storage.Read(name));
        }
    }

    [Fact]
    public async Task PackOfAnAppendThatNeverFinished_IsRemoved()
    {
        await (await BackUpAsync()).DisposeAsync();
        var pack = _storage.Read(Packs()[0]);
        var header = PackFormat.WriteHeader(77, TestRepository.Parameters().RepositoryId, DateTimeOffset.UnixEpoch);
        _storage.Write(PackFormat.NameOf(77), [.. header, .. pack.AsSpan(PackFormat.HeaderLength, 1000)]);

        await using var store = await TestRepository.OpenAsync(_storage, _token);

        Assert.Equal(1, store.Recovery.EmptyPacksRemoved);
        Assert.DoesNotContain(PackFormat.NameOf(77), Packs());
    }

    [Fact]
    public async Task TwoPointsOfOneId_BothAreFollowed_AndTheSecondIsNamed()
    {
        string copy;
        await using (var store = await BackUpAsync())
        {
            // Another VM's manifest with the same point id and another disk.
            var other = new TestDisk(4 << 20).Fill(2 << 20, 1 << 20, 9, compressible: false);
            var result = await store.BackUpAsync("job-9", other, other.DataExtents(), null, _token);
            var manifest = await store.ReadManifestAsync("point-job-9", _token);
            await store.RemovePointAsync("point-job-9", _token);
            var forged = manifest with { PointId = "point-job-0", VmId = "vm-2", Disks = [manifest.Disks[0] with { Root = result.Root }] };
            copy = PointNames.InfoOf(forged).Path;
            _storage.Write(copy, ManifestCodec.Write(forged, ContentKeys.Plain));
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        var duplicate = Assert.Single(reopened.ListDuplicatePoints());
        Assert.Equal(copy, duplicate.Point.Path);
        Assert.Contains("belongs to", duplicate.Problem, StringComparison.Ordinal);
        Assert.Contains(duplicate.Problem, reopened.Recovery.Problems);
        Assert.Equal("vm-1", Assert.Single(reopened.ListPoints()).VmId);
        Assert.Equal(_disk.Content, await reopened.RestoreAsync("point-job-0", _token).WithinDeadline());
        Assert.Equal(2, (await reopened.CollectAsync(AtOnce, null, _token).WithinDeadline()).Points);

        // When the first is removed the second comes out whole.
        Assert.True(await reopened.RemovePointAsync("point-job-0", _token).WithinDeadline());
        Assert.Equal("vm-2", Assert.Single(reopened.ListPoints()).VmId);
        await reopened.CollectAsync(AtOnce, null, _token).WithinDeadline();
        var restored = await reopened.RestoreAsync("point-job-0", _token).WithinDeadline();
        Assert.True(restored.AsSpan(2 << 20, 1 << 20).ContainsAnyExcept((byte)0));
        Assert.Empty(reopened.ListDuplicatePoints());
    }

    [Fact]
    public async Task EncryptionStrippedFromRepoJson_IsRefusedWhereKeySlotsAre()
    {
        var key = RepositoryKey.Generate();
        var encrypted = TestRepository.Parameters() with { Encryption = key.Describe() };
        await using (var store = await TestRepository.CreateAsync(_storage, _token, encrypted))
        {
            await store.AddKeySlotAsync(KeySlots.ForKeyFile(key, "safe", new byte[64], DateTimeOffset.UnixEpoch), _token);
        }

        _storage.Write("repo.json", TextEnvelope.Write("repository", TestRepository.Parameters(), RepositoryJson.Default.RepositoryParameters));

        var refused = await Assert.ThrowsAsync<RepositoryException>(() => TestRepository.OpenAsync(_storage, _token)).WithinDeadline();
        Assert.Equal(RepositoryError.Damaged, refused.Error);
        Assert.Contains("key slot", refused.Message, StringComparison.Ordinal);
    }

    private async Task<RepositoryStore> BackUpAsync()
    {
        var store = await TestRepository.CreateAsync(_storage, _token, TestRepository.Parameters(packSize: 8 << 20));
        await store.BackUpAsync("job-0", _disk, _disk.DataExtents(), null, _token).WithinDeadline();
        return store;
    }

    private void RemoveIndex() => _storage.Names("index").ForEach(_storage.Remove);

    private List<string> Packs() => _storage.Names("packs").FindAll(name => name.EndsWith(".pack", StringComparison.Ordinal));
}
