// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Packs;
using OvirtDistributed.Repository.Store.Sessions;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

/// <summary>Invariant 12: whatever the bytes, parsers end with the boundary's exception or a value that keeps its promises.</summary>
public sealed class FuzzTests
{
    private const int Rounds = 3000;

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Fact]
    public async Task MutatedMapPages_AreRefusedOrCanonical()
    {
        var (page, _) = await MapsAsync();
        var entries = new List<MapEntry>();
        Mutate(page, bytes =>
        {
            var range = MapPage.Parse(bytes, entries);
            Assert.Equal(range, entries.Sum(entry => (long)entry.Length));
            var copy = new byte[MapPage.MaxLength(entries.Count)];
            Assert.Equal(bytes, copy[..MapPage.Write(entries, copy, [])]);
        });
    }

    [Fact]
    public async Task MutatedMapNodes_AreRefusedOrWhole()
    {
        var (_, node) = await MapsAsync();
        var children = new ChunkDigest[3];
        Mutate(node, bytes => MapNode.Parse(bytes, 1, children));
    }

    [Fact]
    public void MutatedManifests_AreRefused()
    {
        var manifest = TestWriter.Manifest("job-0", TestWriter.Disk(new DiskRoot(ChunkDigest.Zero, 1, 40 << 20)));
        var content = ManifestCodec.Write(manifest, ContentKeys.Plain);
        var accepted = 0;
        Mutate(content, bytes =>
        {
            ManifestCodec.Read("points/x", bytes, ContentKeys.Plain);
            accepted++;
        });

        // Only the first line's spare places (the MAC's null, bytes behind the end) can change without being noticed.
        Assert.InRange(accepted, 0, Rounds / 10);
    }

    [Fact]
    public void ManifestWithAValidChecksumAndNonsenseInside_IsRefused()
    {
        foreach (var json in new[] { "null", "[]", "{}", "{\"pointId\":1}", "\"x\"", "{\"pointId\":null}" })
        {
            var payload = System.Text.Encoding.UTF8.GetBytes(json);
            var first = $"{{\"format\":\"ovirt-distributed/point\",\"version\":1,\"length\":{payload.Length},\"crc32c\":\"{Crc32C.Compute(payload):x8}\"}}\n";
            byte[] content = [.. System.Text.Encoding.UTF8.GetBytes(first), .. payload];
            Assert.Equal(RepositoryError.Damaged, Assert.Throws<RepositoryException>(() => ManifestCodec.Read("points/x", content, ContentKeys.Plain)).Error);
        }
    }

    [Fact]
    public async Task MutatedFrameStreams_EndTheStreamAndNothingElse()
    {
        var frames = new MemoryFrames();
        for (var i = 0; i < 10; i++)
        {
            frames.PutChunk(new byte[50 + i]);
        }

        var content = frames.Frames.Values.SelectMany(frame => frame).ToArray();
        await using var store = await TestRepository.CreateAsync(new CrashStorage(), _token);
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, new TestDisk(1 << 20)), _token);
        var random = new Random(1);
        for (var i = 0; i < 300; i++)
        {
            await using var stream = session.OpenFrameStream();
            try
            {
                await stream.AppendAsync(Mutation(content, random), _token);
                await stream.CompleteAsync(_token).WithinDeadline();
            }
            catch (RepositoryException)
            {
                // Refused.
            }
        }

        await using var clean = session.OpenFrameStream();
        await clean.AppendAsync(content, _token);
        Assert.Equal(new DurableAck(10, content.Length), await clean.CompleteAsync(_token).WithinDeadline());
        Assert.Equal(10, session.Have([.. frames.Frames.Keys], new byte[2]));
        Assert.Equal(10, store.GetStatistics().Frames);
    }

    [Fact]
    public async Task MutatedPacks_OnlyTrueFramesAreFound()
    {
        var storage = new CrashStorage();
        var disk = new TestDisk(20 << 20).Fill(0, 200_000, 1);
        await using (var store = await TestRepository.CreateAsync(storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
        }

        var pack = storage.Read("packs/01/00000001.pack");
        var random = new Random(2);
        for (var i = 0; i < 200; i++)
        {
            var mutated = new CrashStorage();
            mutated.Write("p", Mutation(pack, random));
            using var reader = (await mutated.OpenReadAsync("p", _token))!;
            var footer = await PackScanner.TryReadFooterAsync(reader, 1, _token);
            var scan = await PackScanner.ScanAsync(reader, "p", ContentKeys.Plain, _token);
            Assert.All(footer ?? [], frame => Assert.InRange(frame.End, 64, pack.Length * 2L));
            Assert.All(scan.Frames, frame => Assert.InRange(frame.End, 64, pack.Length * 2L));
        }
    }

    [Fact]
    public async Task FrameWithinAChunk_IsNotTakenForOneOfThePack()
    {
        // A guest whose disk holds a repository: the inside of its chunks looks like frames. One of them lies about its digest.
        var inner = new MemoryFrames();
        inner.PutChunk([1, 2, 3]);
        var forged = inner.Frames.Values.Single().ToArray();
        var victim = ContentKeys.Plain.Compute(FrameKind.Chunk, "victim"u8);
        (FrameHeader.Read(forged) with { Digest = victim }).Write(forged);
        var plain = new byte[2000];
        forged.CopyTo(plain, 500);
        using var encoder = new FrameEncoder(CompressionProfile.Stored, ContentKeys.Plain);
        var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
        var length = encoder.Encode(FrameKind.Chunk, ContentKeys.Plain.Compute(FrameKind.Chunk, plain), plain, frame);

        var storage = new CrashStorage();
        storage.Write("p", [.. new byte[64], .. frame[..length]]);
        using (var reader = (await storage.OpenReadAsync("p", _token))!)
        {
            Assert.Equal(64u, Assert.Single((await PackScanner.ScanAsync(reader, "p", ContentKeys.Plain, _token)).Frames).Offset);
        }

        frame[3] ^= 1;
        storage.Write("p", [.. new byte[64], .. frame[..length]]);
        using var second = (await storage.OpenReadAsync("p", _token))!;
        Assert.Empty((await PackScanner.ScanAsync(second, "p", ContentKeys.Plain, _token)).Frames);
    }

    [Fact]
    public async Task MutatedJournals_GiveAPrefixOfWhatWasWritten()
    {
        var storage = new CrashStorage();
        var begin = new JournalBegin { TaskId = "task-1", EngineBackupId = "b", DiskSize = 1 << 30 };
        var pages = Enumerable.Range(0, 50).Select(i => new PageDigest(i, ContentKeys.Plain.Compute(FrameKind.MapPage, [(byte)i]))).ToArray();
        await using (var journal = await SessionJournal.BeginAsync(storage, "j", begin, pages[..20], _token))
        {
            await journal.AppendPackAsync(7, _token);
            await journal.AppendPagesAsync(pages.AsMemory(20), _token);
            await journal.AppendRootAsync(new DiskRoot(pages[0].Digest, 1, 1 << 30), _token);
        }

        var content = storage.Read("j");
        Assert.Equal(50, SessionJournal.Parse(content)!.Pages.Count);
        Assert.Equal(7u, SessionJournal.Parse(content)!.Packs.Single());
        Mutate(content, bytes =>
        {
            var read = SessionJournal.Parse(bytes);
            foreach (var (index, digest) in read?.Pages ?? [])
            {
                Assert.Equal(pages[index].Digest, digest);
            }
        });
    }

    [Fact]
    public async Task MutatedRepositories_OpenOrSayWhy()
    {
        var disk = new TestDisk(20 << 20).Fill(0, 300_000, 1).Fill(17 << 20, 100_000, 2);
        var storage = new CrashStorage();
        await using (var store = await TestRepository.CreateAsync(storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
        }

        var random = new Random(3);
        var names = new[] { "repo.json", "packs", "index", "points", "sessions" }.SelectMany(name => name == "repo.json" ? [name] : storage.Names(name)).ToList();
        for (var i = 0; i < 150; i++)
        {
            var mutated = storage.Reboot(Tail.Kept);
            var name = names[random.Next(names.Count)];
            mutated.Write(name, Mutation(mutated.Read(name), random));
            try
            {
                await using var store = await TestRepository.OpenAsync(mutated, _token).WithinDeadline();
                var restored = await store.RestoreAsync("point-job-0", _token).WithinDeadline();
                Assert.True(restored.AsSpan().SequenceEqual(disk.Content), $"{name}: wrong bytes were handed out");
            }
            catch (RepositoryException)
            {
                // Said why.
            }
        }
    }

    private static void Mutate(byte[] original, Action<byte[]> parse)
    {
        parse(original);
        var random = new Random(original.Length);
        for (var i = 0; i < Rounds; i++)
        {
            try
            {
                parse(Mutation(original, random));
            }
            catch (RepositoryException)
            {
                // The one exception that may come.
            }
        }
    }

    /// <summary>Bits flipped, numbers replaced by extremes, pieces cut out, repeated or cut off.</summary>
    private static byte[] Mutation(byte[] original, Random random)
    {
        var bytes = original.ToList();
        for (var i = random.Next(1, 4); i > 0 && bytes.Count > 8; i--)
        {
            var at = random.Next(bytes.Count - 4);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    var value = BitConverter.GetBytes(random.Next(4) switch { 0 => int.MaxValue, 1 => -1, 2 => int.MinValue, _ => random.Next(5) });
                    for (var k = 0; k < 4; k++)
                    {
                        bytes[at + k] = value[k];
                    }

                    break;
                case 2:
                    bytes.RemoveRange(at, random.Next(1, Math.Min(100, bytes.Count - at)));
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, random.Next(1, Math.Min(100, bytes.Count - at))));
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }

        return [.. bytes];
    }

    private async Task<(byte[] Page, byte[] Node)> MapsAsync()
    {
        var disk = new TestDisk(40 << 20).Fill(0, 2 << 20, 1).Fill(3 << 20, 100_000, 2).Fill(33 << 20, 100_000, 3);
        await using var store = await TestRepository.CreateAsync(new CrashStorage(), _token);
        var root = (await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token)).Root;
        await using var session = await store.OpenReadSessionAsync("point-job-0", _token);
        using var decoder = new FrameDecoder(ContentKeys.Plain);
        var buffer = new byte[FrameHeader.MaxPlainLength];
        using var nodes = await session.FetchAsync(new[] { root.Digest }, _token);
        var node = buffer[..decoder.Decode(nodes[0].Span, root.Digest, FrameKind.MapNode, buffer)];
        var children = new ChunkDigest[3];
        MapNode.Parse(node, 1, children);
        using var pages = await session.FetchAsync(new[] { children[0] }, _token);
        return (buffer[..decoder.Decode(pages[0].Span, children[0], FrameKind.MapPage, buffer)], node);
    }
}
