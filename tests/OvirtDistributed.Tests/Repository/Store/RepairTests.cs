// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

/// <summary>Frames that replace damaged ones: what readers, "have" and verification say before and after, and after the next opening.</summary>
public sealed class RepairTests : IDisposable
{
    private const int MiB = 1 << 20;
    private static readonly byte[] Wanted = [.. Enumerable.Range(0, 70_000).Select(i => (byte)(i * 7))];

    private readonly TemporaryDirectory _directory = new();
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Fact]
    public async Task PackIsGone_ReaderFindsOutAndRepairBringsThePointBack()
    {
        var disk = new TestDisk(4 * MiB).Fill(0, 2 * MiB, seed: 1);
        await using var storage = NewStorage();
        var frames = new Dictionary<ChunkDigest, byte[]>();
        await using (var store = await TestRepository.CreateAsync(storage, _token, TestRepository.Parameters(packSize: 64 * MiB)))
        {
            await store.BackUpAsync("job1", disk, disk.DataExtents(), null, _token);
            await CollectAsync(store, frames);
        }

        await using var again = await TestRepository.OpenAsync(storage, _token);
        File.Delete(Directory.GetFiles(_directory.File("repository"), "*.pack", SearchOption.AllDirectories).MaxBy(pack => new FileInfo(pack).Length)!);
        var digests = frames.Keys.ToArray();
        await using (var reader = await again.OpenReadSessionAsync("point-job1", _token))
        {
            var failure = await Assert.ThrowsAsync<RepositoryException>(() => reader.FetchAsync(digests, _token));
            Assert.Contains("the pack is gone", failure.Message, StringComparison.Ordinal);
        }

        await using (var writer = await again.OpenWriteSessionAsync(TestRepository.Request("task-2", 1, disk), _token))
        {
            Assert.Equal(0, writer.Have(digests, new byte[(digests.Length + 7) / 8]));
        }

        var results = await again.RepairAsync([.. frames.Values.Select(frame => (ReadOnlyMemory<byte>)frame)], contentIsWrong: false, null, _token);

        Assert.All(results, result => Assert.Equal(FrameRepair.Stored, result));
        Assert.Equal(disk.Content, await again.RestoreAsync("point-job1", _token));
        Assert.Empty((await again.VerifyAsync("point-job1", null, _token)).Damages);
    }

    [Fact]
    public async Task DamagedFrame_IsReplacedAndStaysSoAfterTheNextOpening()
    {
        var disk = new TestDisk(4 * MiB).Fill(0, 2 * MiB, seed: 1);
        await using var storage = NewStorage();
        var frames = new Dictionary<ChunkDigest, byte[]>();
        await using (var store = await TestRepository.CreateAsync(storage, _token))
        {
            await store.BackUpAsync("job1", disk, disk.DataExtents(), null, _token);
            await CollectAsync(store, frames);
            Damage(frames.Values.First());

            // Nobody has read it yet: the repair itself looks.
            var results = await store.RepairAsync([.. frames.Values.Select(frame => (ReadOnlyMemory<byte>)frame)], contentIsWrong: false, null, _token);

            Assert.Equal(FrameRepair.Stored, results[0]);
            Assert.All(results.Skip(1), result => Assert.Equal(FrameRepair.WasWhole, result));
            Assert.Equal(disk.Content, await store.RestoreAsync("point-job1", _token));
        }

        await using var again = await TestRepository.OpenAsync(storage, _token);
        Assert.Equal(disk.Content, await again.RestoreAsync("point-job1", _token));
        Assert.Empty((await again.VerifyAsync("point-job1", null, _token)).Damages);
    }

    [Fact]
    public async Task WrongContentUnderAGoodChecksum_IsReplacedOnTheWordOfWhoHasTheKey()
    {
        var disk = new TestDisk(4 * MiB).Fill(0, 1 * MiB, seed: 1);
        await using var storage = NewStorage();
        var (store, keys, frames) = await BackUpEncryptedAsync(storage, disk);
        await using var open = store;
        var (digest, good) = frames.First(frame => FrameHeader.Read(frame.Value).Kind == FrameKind.Chunk);
        var plainLength = FrameHeader.Read(good).PlainLength;
        var wrong = Encode(digest, new byte[plainLength], keys);

        Assert.Equal([FrameRepair.WasWhole], await store.RepairAsync([wrong], contentIsWrong: false, null, _token));
        Assert.Equal([FrameRepair.Stored], await store.RepairAsync([wrong], contentIsWrong: true, null, _token));
        await Assert.ThrowsAsync<RepositoryException>(() => store.RestoreAsync("point-job1", _token, keys));

        Assert.Equal([FrameRepair.Stored], await store.RepairAsync([good], contentIsWrong: true, null, _token));
        Assert.Equal(disk.Content, await store.RestoreAsync("point-job1", _token, keys));
        Assert.Equal(plainLength, store.RememberedLength(digest));
    }

    [Fact]
    public async Task WordOfWhoHasTheKey_CountsNeitherForMapsNorWhileAPointIsLocked()
    {
        var disk = new TestDisk(4 * MiB).Fill(0, 1 * MiB, seed: 1);
        await using var storage = NewStorage();
        var (store, keys, frames) = await BackUpEncryptedAsync(storage, disk);
        await using var open = store;
        var maps = frames.Where(frame => FrameHeader.Read(frame.Value).Kind != FrameKind.Chunk).Select(frame => (ReadOnlyMemory<byte>)frame.Value).ToList();
        var (digest, good) = frames.First(frame => FrameHeader.Read(frame.Value).Kind == FrameKind.Chunk);
        Assert.NotEmpty(maps);

        Assert.All(await store.RepairAsync(maps, contentIsWrong: true, null, _token), result => Assert.Equal(FrameRepair.WasWhole, result));
        await store.LockPointAsync("point-job1", TimeSpan.FromDays(1), _token);
        var wrong = Encode(digest, new byte[FrameHeader.Read(good).PlainLength], keys);

        Assert.Equal([FrameRepair.WasWhole], await store.RepairAsync([wrong], contentIsWrong: true, null, _token));
        Assert.Equal(disk.Content, await store.RestoreAsync("point-job1", _token, keys));
    }

    [Fact]
    public async Task FrameThatDoesNotHold_IsRefused()
    {
        await using var storage = NewStorage();
        await using var store = await TestRepository.CreateAsync(storage, _token);
        var other = Encode(ContentKeys.Plain.Compute(FrameKind.Chunk, Wanted), [.. Wanted.Reverse()], ContentKeys.Plain);

        await Assert.ThrowsAsync<RepositoryException>(() => store.RepairAsync([other], contentIsWrong: true, null, _token));
    }

    public void Dispose() => _directory.Dispose();

    private async Task<(RepositoryStore Store, ContentKeys Keys, Dictionary<ChunkDigest, byte[]> Frames)> BackUpEncryptedAsync(LocalStorage storage, TestDisk disk)
    {
        var key = RepositoryKey.Generate();
        var keys = ContentKeys.Of(key);
        var store = await TestRepository.CreateAsync(storage, _token, TestRepository.Parameters() with { Encryption = key.Describe() });
        await store.BackUpAsync("job1", disk, disk.DataExtents(), null, _token, keys);
        var frames = new Dictionary<ChunkDigest, byte[]>();
        await CollectAsync(store, frames, keys);
        return (store, keys, frames);
    }

    private LocalStorage NewStorage() => LocalStorage.Open(_directory.File("repository"));

    private static byte[] Encode(ChunkDigest digest, byte[] plain, ContentKeys keys)
    {
        using var encoder = new FrameEncoder(CompressionProfile.Default, keys);
        var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
        return frame[..encoder.Encode(FrameKind.Chunk, digest, plain, frame)];
    }

    /// <summary>All frames of the first point's disk: chunks, pages and nodes.</summary>
    private async Task CollectAsync(RepositoryStore store, Dictionary<ChunkDigest, byte[]> frames, ContentKeys? keys = null)
    {
        keys ??= store.Keys;
        await using var session = await store.OpenReadSessionAsync("point-job1", _token);
        var map = await DiskMapFrames.LoadAsync(session.Manifest.Disks[0].Root, session, keys, _token);
        using var decoder = new FrameDecoder(keys);
        for (var page = 0; page < map.Pages.Count; page++)
        {
            using var pages = await session.FetchAsync(new[] { map.Pages[page] }, _token);
            foreach (var entry in map.ReadPage(page, pages[0].Span, decoder).Where(entry => !entry.IsZero))
            {
                using var chunk = await session.FetchAsync(new[] { entry.Digest }, _token);
                frames[entry.Digest] = chunk[0].ToArray();
            }

            frames[map.Pages[page]] = pages[0].ToArray();
        }
    }

    /// <summary>Changes a byte of a frame where it is stored.</summary>
    private void Damage(byte[] frame)
    {
        foreach (var pack in Directory.GetFiles(_directory.File("repository"), "*.pack", SearchOption.AllDirectories))
        {
            var content = File.ReadAllBytes(pack);
            if (content.AsSpan().IndexOf(frame) is >= 0 and var at)
            {
                using var file = File.Open(pack, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
                file.Position = at + FrameHeader.Size + 5;
                file.WriteByte((byte)(content[at + FrameHeader.Size + 5] ^ 0x40));
                return;
            }
        }

        Assert.Fail("the frame is in no pack");
    }
}
