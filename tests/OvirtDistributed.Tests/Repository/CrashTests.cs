// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Tests.Repository.Support;
using Xunit;

namespace OvirtDistributed.Tests.Repository;

/// <summary>
/// The process is killed at every single file operation of: create, open, full backup, commit, incremental, commit, close.
/// After it nothing that was acknowledged is lost, every point that is there is whole, and the work can be finished.
/// </summary>
public sealed class CrashTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    [Theory]
    [InlineData(Tail.Lost, false)]
    [InlineData(Tail.Kept, false)]
    [InlineData(Tail.Torn, false)]
    [InlineData(Tail.Lost, true)]
    [InlineData(Tail.Kept, true)]
    [InlineData(Tail.Torn, true)]
    internal async Task KilledAtEveryOperation_NothingAcknowledgedIsLostAndTheWorkGoesOn(Tail tail, bool killAfter)
    {
        using var deadline = new CancellationTokenSource(Limit);
        var kills = 0;
        for (var killAt = 1; ; killAt++)
        {
            // Killing before or after a read leaves the same behind as before the next write: one of the six rounds does the reads too.
            var storage = new CrashStorage { KillAt = killAt, KillAfter = killAfter, CountsReads = tail == Tail.Torn && !killAfter };
            var story = new Story();
            var finished = await story.TryRunAsync(storage, deadline.Token);
            if (!storage.WasKilled)
            {
                Assert.True(finished);
                break;
            }

            kills++;
            await CheckAsync(storage.Reboot(tail), story, storage.KilledOperation, deadline.Token);
        }

        Assert.True(kills > 50, $"only {kills} operations were there to kill");
    }

    [Fact]
    public async Task KilledAgainWhileRecovering_TheNextOpeningStillFindsAll()
    {
        using var deadline = new CancellationTokenSource(Limit);
        var storage = new CrashStorage { KillAt = 40 };
        var story = new Story();
        await story.TryRunAsync(storage, deadline.Token);
        Assert.True(storage.WasKilled);
        for (var killAt = 1; ; killAt++)
        {
            var second = storage.Reboot(Tail.Torn, killAt);
            try
            {
                await using var store = await TestRepository.OpenAsync(second, deadline.Token);
            }
            catch (RepositoryException)
            {
                Assert.True(second.WasKilled);
            }

            await CheckAsync(second.Reboot(Tail.Lost), story, second.KilledOperation, deadline.Token);
            if (!second.WasKilled)
            {
                Assert.True(killAt > 5);
                return;
            }
        }
    }

    private static async Task CheckAsync(CrashStorage storage, Story story, string where, CancellationToken cancellationToken)
    {
        if (!story.Created && storage.Names("repo.json").Count == 0 && await storage.FindAsync("repo.json", cancellationToken) is null)
        {
            return;
        }

        await using (var store = await TestRepository.OpenAsync(storage, cancellationToken))
        {
            Assert.True(store.Recovery.Problems.Count == 0, $"{where}: {string.Join("; ", store.Recovery.Problems)}");
            foreach (var job in story.Committed)
            {
                Assert.True(store.FindPointOfJob(job) is not null, $"{where}: {job} was acknowledged and is gone");
            }

            foreach (var point in store.ListPoints())
            {
                var content = await store.RestoreAsync(point.PointId, cancellationToken);
                Assert.True(content.AsSpan().SequenceEqual(Story.ContentOf(point.JobId)), $"{where}: {point.PointId} differs");
            }

            await CheckAcknowledgedAsync(store, story, where, cancellationToken);
        }

        var rest = new Story { Token = 9, Created = true };
        Assert.True(await rest.TryRunAsync(storage, cancellationToken), where);
        await using var last = await TestRepository.OpenAsync(storage, cancellationToken);
        Assert.Equal(2, last.ListPoints().Count);
        Assert.Empty((await last.VerifyAsync(null, null, cancellationToken)).Damages);
    }

    private static async Task CheckAcknowledgedAsync(RepositoryStore store, Story story, string where, CancellationToken cancellationToken)
    {
        foreach (var job in Story.Jobs)
        {
            if (store.FindPointOfJob(job) is not null || (job == "job-1" && store.FindPointOfJob("job-0") is null))
            {
                continue;
            }

            var request = Story.RequestFor(job, token: 5);
            await using var session = await store.OpenWriteSessionAsync(request, cancellationToken);
            foreach (var page in story.Pages.GetValueOrDefault(job) ?? [])
            {
                Assert.True(session.CompletedPages.Contains(page), $"{where}: page {page.PageIndex} of {job} was acknowledged and is gone");
            }

            var digests = story.Durable.ToArray();
            var bitmap = new byte[(digests.Length + 7) / 8];
            Assert.True(session.Have(digests, bitmap) == digests.Length, $"{where}: acknowledged frames are gone");
        }
    }

    /// <summary>Two backups of one disk, and what was acknowledged of them.</summary>
    private sealed class Story
    {
        // Small bounds, so that the few frames also fill packs, tables and tiers of runs.
        public static readonly RepositoryStoreOptions Busy = TestRepository.Options with { MemoryTableEntries = 6, RunsPerTier = 2 };

        public static readonly string[] Jobs = ["job-0", "job-1"];

        private static readonly TestDisk First = new TestDisk(18 << 20).Fill(0, 900_000, 1, compressible: false).Fill((16 << 20) - 65536, 300_000, 2, compressible: false);
        private static readonly TestDisk Second = MakeSecond();
        private static readonly List<DiskRange> Dirty = Second.TakeDirty();

        public long Token { get; init; } = 1;

        public bool Created { get; set; }

        public List<string> Committed { get; } = [];

        public List<ChunkDigest> Durable { get; } = [];

        public Dictionary<string, List<PageDigest>> Pages { get; } = [];

        public static byte[] ContentOf(string job) => job == "job-0" ? First.Content : Second.Content;

        public static WriteSessionRequest RequestFor(string job, long token) =>
            TestRepository.Request("task-" + job, token, First, job == "job-1" ? "point-job-0" : null, "backup-" + job);

        /// <summary>False when it was killed.</summary>
        public async Task<bool> TryRunAsync(CrashStorage storage, CancellationToken cancellationToken)
        {
            try
            {
                if (!Created)
                {
                    await RepositoryStore.CreateAsync(storage, TestRepository.Parameters(), cancellationToken);
                    Created = true;
                }

                await using (var store = await TestRepository.OpenAsync(storage, cancellationToken, Busy))
                {
                    await BackUpAsync(store, "job-0", First, First.DataExtents(), cancellationToken);
                    await BackUpAsync(store, "job-1", Second, Dirty, cancellationToken);
                }

                return !storage.WasKilled;
            }
            catch (RepositoryException) when (storage.WasKilled)
            {
                return false;
            }
        }

        private static TestDisk MakeSecond()
        {
            var disk = new TestDisk(18 << 20);
            First.Content.CopyTo(disk.Content, 0);
            disk.Fill(100_000, 80_000, 3).Zero(262_144, 65_536).Fill(17 << 20, 50_000, 4);
            return disk;
        }

        private async Task BackUpAsync(RepositoryStore store, string job, TestDisk disk, List<DiskRange> extents, CancellationToken cancellationToken)
        {
            if (store.FindPointOfJob(job) is not null)
            {
                return;
            }

            var pages = Pages[job] = [];
            await using var session = await store.OpenWriteSessionAsync(RequestFor(job, Token), cancellationToken);
            await using var writer = new TestWriter(store, session);
            try
            {
                var root = await writer.WriteAsync(disk, extents, cancellationToken);
                var manifestDisk = TestWriter.Disk(root, "task-" + job, job == "job-1" ? "point-job-0" : null);
                await store.CommitAsync(new CommitRequest { Manifest = TestWriter.Manifest(job, manifestDisk) }, cancellationToken);
                Committed.Add(job);
            }
            finally
            {
                await writer.DisposeAsync();
                pages.AddRange(writer.Acknowledged);
                Durable.AddRange(writer.Sent.Take((int)writer.AcknowledgedFrames));
            }
        }
    }
}
