// SPDX-License-Identifier: Apache-2.0

using FsCheck;
using FsCheck.Fluent;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Transports;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Pipeline;

public sealed class BackupPlanTests
{
    private const int Block = 4096;

    [Fact]
    public async Task Full_DataExtentsOnly()
    {
        var source = new ListedSource(10 * Block);
        source.Add(0, 2 * Block, zero: false).Add(2 * Block, 5 * Block, zero: true).Add(7 * Block, 3 * Block, zero: false);

        using var plan = await BackupPlan.FullAsync(source, new PipelineOptions(), CancellationToken.None);

        Assert.Equal([new WorkRange(0, 2 * Block, RangeKind.Read), new WorkRange(7 * Block, 3 * Block, RangeKind.Read)], plan.Read());
        Assert.Equal(5 * Block, plan.ReadBytes);
    }

    [Fact]
    public async Task Incremental_TrimIsRecordedAndTheRestKept()
    {
        var source = new ListedSource(10 * Block);
        source.AddChange(0, Block, dirty: false, zero: false).AddChange(Block, Block, dirty: true, zero: false)
            .AddChange(2 * Block, 2 * Block, dirty: true, zero: true).AddChange(4 * Block, 6 * Block, dirty: false, zero: true);

        using var plan = await BackupPlan.IncrementalAsync(source, new BaseRanges(10 * Block, [], []), new PipelineOptions(), CancellationToken.None);

        Assert.Equal([new WorkRange(Block, Block, RangeKind.Read), new WorkRange(2 * Block, 2 * Block, RangeKind.Zero)], plan.Read());
    }

    [Fact]
    public async Task DiskGrew_RangeBeyondTheBaseFollowsTheZeroExtents()
    {
        var source = new ListedSource(8 * Block);
        source.AddChange(0, 8 * Block, dirty: false, zero: false);
        source.Add(0, 6 * Block, zero: false).Add(6 * Block, 2 * Block, zero: true);

        using var plan = await BackupPlan.IncrementalAsync(source, new BaseRanges(4 * Block, [], []), new PipelineOptions(), CancellationToken.None);

        Assert.Equal([new WorkRange(4 * Block, 2 * Block, RangeKind.Read), new WorkRange(6 * Block, 2 * Block, RangeKind.Zero)], plan.Read());
    }

    [Fact]
    public async Task BaseIsDamaged_RangeIsReadThoughNothingChanged()
    {
        var source = new ListedSource(8 * Block);
        source.AddChange(0, 8 * Block, dirty: false, zero: false);
        source.Add(0, 8 * Block, zero: false);

        using var plan = await BackupPlan.IncrementalAsync(
            source, new BaseRanges(8 * Block, [new DiskRange(5 * Block, Block), new DiskRange(2 * Block, Block)], []), new PipelineOptions(), CancellationToken.None);

        Assert.Equal([new WorkRange(2 * Block, Block, RangeKind.Read), new WorkRange(5 * Block, Block, RangeKind.Read)], plan.Read());
    }

    [Fact]
    public async Task RangesToWriteAnew_AreOneStretchWithTheChangesBesideThem_AndATrimStaysATrim()
    {
        var source = new ListedSource(10 * Block);
        source.AddChange(0, 2 * Block, dirty: false, zero: false).AddChange(2 * Block, Block, dirty: true, zero: false)
            .AddChange(3 * Block, 3 * Block, dirty: false, zero: false).AddChange(6 * Block, Block, dirty: true, zero: true)
            .AddChange(7 * Block, 3 * Block, dirty: false, zero: false);

        using var plan = await BackupPlan.IncrementalAsync(
            source, new BaseRanges(10 * Block, [], [new DiskRange(Block, 4 * Block), new DiskRange(6 * Block, 2 * Block)]), new PipelineOptions(), CancellationToken.None);

        Assert.Equal(
            [new WorkRange(Block, 4 * Block, RangeKind.Read), new WorkRange(6 * Block, Block, RangeKind.Zero), new WorkRange(7 * Block, Block, RangeKind.Read)],
            plan.Read());
        Assert.Equal(4 * Block, plan.RewrittenBytes);
    }

    [Fact]
    public async Task ExtentListHasAGap_IsRefused()
    {
        var source = new ListedSource(8 * Block);
        source.Add(0, Block, zero: false).Add(2 * Block, 6 * Block, zero: true);

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => BackupPlan.FullAsync(source, new PipelineOptions(), CancellationToken.None));

        Assert.Equal(FailureCode.SourceFailed, failure.Code);
    }

    [Fact]
    public async Task ExtentListIsCutShort_IsRefused()
    {
        var source = new ListedSource(8 * Block);
        source.Add(0, Block, zero: false);

        await Assert.ThrowsAsync<TaskFailureException>(() => BackupPlan.FullAsync(source, new PipelineOptions(), CancellationToken.None));
    }

    [Fact]
    public async Task LongList_GoesToAFileThatIsGoneAfterwards()
    {
        using var directory = new TemporaryDirectory();
        var options = new PipelineOptions { ExtentsInMemory = 1024, SpoolDirectory = directory.Path };
        var source = new ListedSource(20_000L * Block);
        for (var i = 0L; i < 20_000; i++)
        {
            source.Add(i * Block, Block, zero: i % 2 == 0);
        }

        using (var plan = await BackupPlan.FullAsync(source, options, CancellationToken.None))
        {
            Assert.True(plan.IsSpooled);
            for (var pass = 0; pass < 2; pass++)
            {
                Assert.Equal(Enumerable.Range(0, 10_000).Select(i => ((2L * i) + 1) * Block), plan.Read().Select(range => range.Offset));
            }
        }

        Assert.Empty(Directory.GetFiles(directory.Path));
    }

    /// <summary>Whatever the extents: every byte that changed is read or recorded as zero, and only blocks that hold such a byte are touched.</summary>
    [Fact]
    public void AnyExtents_EachBlockIsTreatedByWhatItHolds()
    {
        var extent = from length in Gen.Choose(1, 3 * Block)
                     from aligned in ArbMap.Default.GeneratorFor<bool>()
                     from kind in Gen.Choose(0, 2)
                     select (Length: aligned ? ((length / Block) + 1) * Block : length, Kind: (RangeKind)kind);
        Prop.ForAll(Arb.From(Gen.NonEmptyListOf(extent)), extents => CheckBlocks([.. extents])).QuickCheckThrowOnFailure();
    }

    private static void CheckBlocks(List<(int Length, RangeKind Kind)> extents)
    {
        var size = extents.Sum(extent => (long)extent.Length);
        using var spool = new RangeSpool(Path.GetTempPath(), 1024);
        var aligner = new RangeAligner(size, spool);
        var kinds = new RangeKind[size];
        var position = 0L;
        foreach (var (length, kind) in extents)
        {
            aligner.Add(new WorkRange(position, length, kind));
            Array.Fill(kinds, kind, (int)position, length);
            position += length;
        }

        aligner.Finish();
        var planned = new RangeKind[size];
        var last = 0L;
        foreach (var range in spool.Read())
        {
            Assert.True(range.Offset >= last && range.Length > 0);
            Assert.Equal(0, range.Offset % Block);
            Assert.True(range.End % Block == 0 || range.End == size);
            Array.Fill(planned, range.Kind, (int)range.Offset, (int)range.Length);
            last = range.End;
        }

        for (var start = 0; start < size; start += Block)
        {
            var end = (int)Math.Min(start + Block, size);
            var wanted = kinds[start..end].Distinct().ToList();
            Assert.Equal([wanted.Count == 1 ? wanted[0] : RangeKind.Read], planned[start..end].Distinct());
        }
    }

    private sealed class ListedSource(long size) : IDiskSource
    {
        private readonly List<SourceExtent> _extents = [];
        private readonly List<SourceExtent> _changes = [];

        public long SizeBytes => size;

        public int Connections => 1;

        public string Route => "direct";

        public bool ReadsUnchanged => true;

        public ListedSource Add(long offset, long length, bool zero)
        {
            _extents.Add(new SourceExtent(offset, length, zero, IsDirty: false));
            return this;
        }

        public ListedSource AddChange(long offset, long length, bool dirty, bool zero)
        {
            _changes.Add(new SourceExtent(offset, length, zero, dirty));
            return this;
        }

        public async IAsyncEnumerable<SourceExtent> ListExtentsAsync(
            bool changes, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.Yield();
            foreach (var extent in changes ? _changes : _extents)
            {
                yield return extent;
            }
        }

        public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
            throw new NotSupportedException("the plan reads no data");

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
