// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Packs;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

/// <summary>What was found damaged is never forgotten.</summary>
public sealed class QuarantineTests
{
    private const int PackLength = 1 << 30;

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Fact]
    public async Task APutFailsAndIsThere_TheNextFindsAreNotTakenForIt()
    {
        var storage = new CrashStorage { FailBehindPutOf = "quarantine/" };
        var packs = NewPacks();
        using var quarantine = new Quarantine(storage, packs, highestSequence: 0);
        await Assert.ThrowsAsync<RepositoryException>(() => quarantine.AddAsync([Item(1)], _token));
        Assert.Null(storage.FailBehindPutOf);
        Assert.False(packs.IsUsable(EntryOf(1)));

        await quarantine.AddAsync([Item(2)], _token);
        Assert.Equal([1u, 2u], Kept(storage).Distinct().Order());
    }

    [Fact]
    public async Task APutFails_TheFindsAreKnownAndTheNextCallWritesThem()
    {
        var storage = new CrashStorage { FailAt = 1 };
        var packs = NewPacks();
        using var quarantine = new Quarantine(storage, packs, highestSequence: 0);
        await Assert.ThrowsAsync<RepositoryException>(() => quarantine.AddAsync([Item(1)], _token));
        Assert.True(storage.HasFailed);
        Assert.False(packs.IsUsable(EntryOf(1)));
        Assert.Empty(Kept(storage));

        // Nothing new: whoever looks again finds no frame there that counts.
        await quarantine.AddAsync([], _token);
        Assert.Equal([1u], Kept(storage));
    }

    [Fact]
    public async Task ANameIsTaken_TheNextIsUsed()
    {
        var storage = new CrashStorage();
        storage.Write("quarantine/1.json", [1]);
        using var quarantine = new Quarantine(storage, NewPacks(), highestSequence: 0);
        await quarantine.AddAsync([Item(1)], _token);
        Assert.Equal(["quarantine/1.json", "quarantine/2.json"], storage.Names("quarantine"));
    }

    [Fact]
    public async Task ManyFinds_AreWrittenInRecordsThatCanBeRead()
    {
        const int Count = 25_000;
        var storage = new CrashStorage();
        using var quarantine = new Quarantine(storage, NewPacks(), highestSequence: 0);
        await quarantine.AddAsync([.. Enumerable.Range(1, Count).Select(i => Item((uint)i))], _token).WithinDeadline();
        Assert.Equal(3, storage.Names("quarantine").Count);
        Assert.Equal(Enumerable.Range(1, Count).Select(i => (uint)i), Kept(storage));
    }

    [Theory]
    [InlineData(100)]
    [InlineData((64 << 20) + 1)]
    public async Task ARecordCannotBeRead_TheRepositoryOpensAndTrustsNoMapUnseen(int length)
    {
        var disk = new TestDisk(200 << 20).Fill(0, 1 << 20, 1).Fill(100 << 20, 1 << 20, 2).Fill(180 << 20, 1 << 20, 3);
        var storage = new CrashStorage();
        await using (var store = await TestRepository.CreateAsync(storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
        }

        storage.Write("quarantine/1.json", new byte[length]);
        disk.TakeDirty();
        disk.Fill(101 << 20, 10_000, 4);
        await using var reopened = await TestRepository.OpenAsync(storage, _token);
        Assert.Contains(reopened.Recovery.Problems, problem => problem.StartsWith("quarantine/1.json", StringComparison.Ordinal));
        Assert.Equal(3, (await reopened.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", _token)).Commit.PagesChecked);
    }

    private static PackTable NewPacks()
    {
        var packs = new PackTable();
        packs.Set(1, PackLength);
        return packs;
    }

    private static QuarantineItem Item(uint offset) =>
        new() { Digest = ContentKeys.Plain.Compute(FrameKind.Chunk, BitConverter.GetBytes(offset)), Kind = FrameKind.Chunk, Pack = 1, Offset = offset, Reason = "a test says so" };

    private static IndexEntry EntryOf(uint offset) => new(Item(offset).Digest, 1, offset, 10, 20, FrameKind.Chunk);

    /// <summary>The offsets that the next opening reads, in the order of the records.</summary>
    private static List<uint> Kept(CrashStorage storage) =>
        [.. storage.Names("quarantine").SelectMany(name => Quarantine.Read(name, storage.Read(name)).Items).Select(item => item.Offset)];
}
