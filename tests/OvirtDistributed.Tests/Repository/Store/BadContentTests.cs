// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

/// <summary>A writer with the key stored other content under a digest: only a reader with the key can tell, and the Data Mover takes its word with care.</summary>
public sealed class BadContentTests : IAsyncDisposable
{
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;
    private readonly CrashStorage _storage = new();
    private readonly RepositoryKey _key = RepositoryKey.Generate();
    private readonly TestDisk _disk = new TestDisk(20 << 20).Fill(0, 1 << 20, 1, compressible: false).Fill(17 << 20, 1 << 20, 2, compressible: false);

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    [Fact]
    public async Task ReportedByAReader_IsServedOnRemembered_SentAgainAndHealsOlderPointsToo()
    {
        var keys = ContentKeys.Of(_key);
        ChunkDigest bad;
        await using (var store = await CreateAsync())
        {
            bad = await BackUpPoisonedAsync(store, keys);
            Assert.Empty((await store.VerifyAsync(null, null, _token).WithinDeadline()).Damages);
            await using var reader = await store.OpenReadSessionAsync("point-job-0", _token);
            var failure = await Assert.ThrowsAsync<RepositoryException>(() => store.RestoreAsync("point-job-0", _token, keys).WithinDeadline());
            Assert.Equal(bad, failure.BadContent);
            var root = reader.Manifest.Disks[0].Root;
            var found = await ContentCheck.ExamineAsync(root, reader, keys, new DiskRange(0, 16 << 20), _ => false, _token).WithinDeadline();
            Assert.Equal([bad], found.BadContent);
            Assert.InRange(Assert.Single(found.Ranges).Length, 1, 1 << 20);
            found = await ContentCheck.ExamineAsync(root, reader, keys, new DiskRange(16 << 20, 4 << 20), _ => false, _token).WithinDeadline();
            Assert.Empty(found.BadContent);
            Assert.Empty(found.Ranges);

            Assert.Equal(1, await store.ReportBadContentAsync(reader, "disk-1", 0, [bad], _token).WithinDeadline());
            Assert.Equal(0, await store.ReportBadContentAsync(reader, "disk-1", 0, [bad], _token).WithinDeadline());
            (await reader.FetchAsync(new[] { bad }, _token).WithinDeadline()).Dispose();
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        Assert.Equal(1, reopened.GetStatistics().DamagedFrames);
        await using (var reader = await reopened.OpenReadSessionAsync("point-job-0", _token))
        {
            (await reader.FetchAsync(new[] { bad }, _token).WithinDeadline()).Dispose();
        }

        // Garbage collection goes on beside it and loses nothing.
        Assert.Empty((await reopened.CollectAsync(new GcOptions { Grace = TimeSpan.Zero }, null, _token).WithinDeadline()).Problems);
        await reopened.BackUpAsync("job-1", _disk, [], "point-job-0", _token, keys).WithinDeadline();
        Assert.Equal(_disk.Content, await reopened.RestoreAsync("point-job-1", _token, keys).WithinDeadline());
        Assert.Equal(_disk.Content, await reopened.RestoreAsync("point-job-0", _token, keys).WithinDeadline());
    }

    [Fact]
    public async Task WhatThePageDoesNotName_IsNotTakenFromAReader_AndNotMoreThanItsShare()
    {
        var keys = ContentKeys.Of(_key);
        await using var store = await CreateAsync();
        var bad = await BackUpPoisonedAsync(store, keys);
        await using var reader = await store.OpenReadSessionAsync("point-job-0", _token);

        // Another page's chunk, a node, and something that is not there.
        Assert.Equal(0, await store.ReportBadContentAsync(reader, "disk-1", 1, [bad], _token).WithinDeadline());
        Assert.Equal(0, await store.ReportBadContentAsync(reader, "disk-1", 0, [reader.Manifest.Disks[0].Root.Digest, keys.Compute(FrameKind.Chunk, [7])], _token).WithinDeadline());
        await Assert.ThrowsAsync<RepositoryException>(() => store.ReportBadContentAsync(reader, "disk-1", 9, [bad], _token)).WithinDeadline();
        await Assert.ThrowsAsync<RepositoryException>(() => store.ReportBadContentAsync(reader, "disk-9", 0, [bad], _token)).WithinDeadline();
        var many = Enumerable.Repeat(bad, RepositoryStore.MostReportsPerSession).ToList();
        await Assert.ThrowsAsync<RepositoryException>(() => store.ReportBadContentAsync(reader, "disk-1", 0, many, _token)).WithinDeadline();
        Assert.Equal(0, store.GetStatistics().DamagedFrames);
    }

    [Fact]
    public async Task WithoutEncryption_TheRepositoryProvesItselfAndALieIsOfNoUse()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await store.BackUpAsync("job-0", _disk, _disk.DataExtents(), null, _token).WithinDeadline();
        await using var reader = await store.OpenReadSessionAsync("point-job-0", _token);
        using var walker = new MapWalker(reader.Manifest.Disks[0].Root, reader, store.Keys);
        var chunks = new HashSet<ChunkDigest>();
        await foreach (var piece in walker.WalkAsync(new DiskRange(0, 1 << 20), _token))
        {
            chunks.Add(piece.Digest);
        }

        Assert.Equal(0, await store.ReportBadContentAsync(reader, "disk-1", 0, chunks, _token).WithinDeadline());
        Assert.Equal(0, store.GetStatistics().DamagedFrames);
    }

    private Task<RepositoryStore> CreateAsync() =>
        TestRepository.CreateAsync(_storage, _token, TestRepository.Parameters() with { Encryption = _key.Describe() });

    /// <summary>Backs the disk up, and before that puts other content where its first chunk belongs.</summary>
    private async Task<ChunkDigest> BackUpPoisonedAsync(RepositoryStore store, ContentKeys keys)
    {
        // What it will be cut to, from a backup elsewhere.
        await using var scratch = new CrashStorage();
        await using var other = await TestRepository.CreateAsync(scratch, _token, store.Parameters);
        await other.BackUpAsync("job-0", _disk, _disk.DataExtents(), null, _token, keys).WithinDeadline();
        await using var reader = await other.OpenReadSessionAsync("point-job-0", _token);
        using var walker = new MapWalker(reader.Manifest.Disks[0].Root, reader, keys);
        var first = await walker.WalkAsync(new DiskRange(0, 1), _token).FirstAsync(_token);
        using (var batch = await reader.FetchAsync(new[] { first.Digest }, _token))
        {
            await SendAsync(store, keys, first.Digest, new byte[FrameHeader.Read(batch[0].Span).PlainLength]);
        }

        await store.BackUpAsync("job-0", _disk, _disk.DataExtents(), null, _token, keys).WithinDeadline();
        return first.Digest;
    }

    private async Task SendAsync(RepositoryStore store, ContentKeys keys, ChunkDigest digest, byte[] plain)
    {
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-bad", 1, _disk), _token);
        using var encoder = new FrameEncoder(CompressionProfile.Default, keys);
        var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
        var length = encoder.Encode(FrameKind.Chunk, digest, plain, frame);
        await using var stream = session.OpenFrameStream();
        await stream.AppendAsync(frame.AsMemory(0, length), _token);
        await stream.CompleteAsync(_token).WithinDeadline();
    }
}
