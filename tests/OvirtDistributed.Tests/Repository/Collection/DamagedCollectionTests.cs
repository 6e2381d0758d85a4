// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Collection;

/// <summary>Garbage collection of a repository that is damaged: what it cannot know it leaves.</summary>
public sealed class DamagedCollectionTests : IAsyncDisposable
{
    private static readonly GcOptions AtOnce = new() { Grace = TimeSpan.Zero };

    private readonly CrashStorage _storage = new();
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    [Fact]
    public async Task AMapThatCannotBeFollowed_StopsTheSweepAndIsNamed()
    {
        var disk = NewDisk();
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
            disk.Fill(0, 100_000, 9);
            await store.BackUpAsync("job-1", disk, disk.DataExtents(), null, _token);
            await store.RemovePointAsync("point-job-0", _token);
            await using var session = await store.OpenReadSessionAsync("point-job-1", _token);
            Damage(session.Manifest.Disks[0].Root.Digest);
        }

        var before = Packs();
        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        var report = await reopened.CollectAsync(AtOnce, null, _token);
        Assert.Contains("point-job-1", Assert.Single(report.Problems), StringComparison.Ordinal);
        Assert.Equal(before, Packs());
    }

    [Fact]
    public async Task ARunOfTheIndexGoesBadWhileItIsOpen_NothingIsSweptAndTheFileIsNamed_UntilItIsRebuilt()
    {
        var disk = NewDisk();
        using var directory = new TemporaryDirectory();
        await using var storage = LocalStorage.Open(directory.Path);
        string run;
        await using (var store = await TestRepository.CreateAsync(storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
            await store.RemovePointAsync("point-job-0", _token);
            run = Path.GetRelativePath(directory.Path, Directory.GetFiles(directory.File("index")).Order(StringComparer.Ordinal).First());

            // Behind its opening, as a disk goes bad: the mapping sees it. The last byte before the trailer is of the coverage, which no look-up reads.
            await using (var file = new FileStream(directory.File(run), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete))
            {
                file.Position = file.Length - RunFormat.TrailerLength - 1;
                file.WriteByte(0xFF);
            }

            foreach (var options in new[] { AtOnce with { DryRun = true }, AtOnce, AtOnce })
            {
                var report = await store.CollectAsync(options, null, _token).WithinDeadline();
                Assert.Contains(run, Assert.Single(report.Problems), StringComparison.Ordinal);
                Assert.Equal((0, 0, 0), (report.Packs, report.DeadPacks, report.RemovedPacks));
            }
        }

        await using var reopened = await TestRepository.OpenAsync(storage, _token);
        var after = await reopened.CollectAsync(AtOnce, null, _token).WithinDeadline();
        Assert.Empty(after.Problems);
        Assert.True(after.RemovedPacks > 0);
    }

    [Fact]
    public async Task ThePlaceThatTheIndexNamesHasGoneBad_AnotherCopyIsKeptAndFoundFromThenOn()
    {
        // Two copies of everything: the packs of the first backup were away during the second.
        var disk = NewDisk();
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
        }

        var first = Packs().ToDictionary(pack => pack, _storage.Read);
        foreach (var pack in first.Keys)
        {
            _storage.Remove(pack);
        }

        await using (var store = await TestRepository.OpenAsync(_storage, _token))
        {
            await store.BackUpAsync("job-1", disk, disk.DataExtents(), null, _token);
            Damage((await store.ListChunksAsync("point-job-1", _token))[3]);
        }

        foreach (var (pack, content) in first)
        {
            _storage.Write(pack, content);
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        var report = await reopened.CollectAsync(AtOnce, null, _token).WithinDeadline();
        Assert.Empty(report.Problems);
        Assert.True(report.RemovedPacks > 4, report.ToString());
        Assert.Equal(disk.Content, await reopened.RestoreAsync("point-job-1", _token));
        Assert.Equal(disk.Content, await reopened.RestoreAsync("point-job-0", _token));
    }

    [Fact]
    public async Task WhatIsDamaged_IsForgottenWithItsPack()
    {
        var disk = NewDisk();
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
            Damage((await store.ListChunksAsync("point-job-0", _token))[3]);
        }

        await using (var store = await TestRepository.OpenAsync(_storage, _token))
        {
            Assert.NotEmpty((await store.VerifyAsync(null, null, _token)).Damages);
            await store.RemovePointAsync("point-job-0", _token);
            await store.CollectAsync(AtOnce, null, _token);
            Assert.Equal(0, store.GetStatistics().DamagedFrames);
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        Assert.Equal(0, reopened.GetStatistics().DamagedFrames);
        await reopened.BackUpAsync("job-1", disk, disk.DataExtents(), null, _token);
        Assert.Empty((await reopened.VerifyAsync(null, null, _token)).Damages);
    }

    private static TestDisk NewDisk() => new TestDisk(8 << 20).Fill(0, 8 << 20, 7, compressible: false);

    private List<string> Packs() => _storage.Names("packs").FindAll(name => name.EndsWith(".pack", StringComparison.Ordinal));

    /// <summary>Flips a bit in the payload of the frame of this digest.</summary>
    private void Damage(ChunkDigest digest)
    {
        foreach (var pack in Packs())
        {
            var content = _storage.Read(pack);
            var at = content.AsSpan().IndexOf(digest.ToArray());
            if (at >= 16 && FrameHeader.TryRead(content.AsSpan(at - 16), out var header))
            {
                content[at - 16 + FrameHeader.Size + (header.StoredLength / 2)] ^= 1;
                _storage.Write(pack, content);
                return;
            }
        }

        Assert.Fail($"no frame of {digest}");
    }
}
