// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Tests.Repository.Support;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Collection;

/// <summary>
/// Random backups, removals, restores, rounds of garbage collection, restarts and kills, several of them at the same time, against a model that
/// is a dictionary of disk images. What the model has must come back bit for bit, always.
/// </summary>
public sealed class CollectionStressTests(ITestOutputHelper output)
{
    // OVD_STRESS_STEPS=5000 for a long run; a failure names its seed.
    private static readonly int Steps = int.TryParse(Environment.GetEnvironmentVariable("OVD_STRESS_STEPS"), out var steps) ? steps : 150;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(0)]
    public async Task WhateverHappens_EveryListedPointIsWhatWasBackedUp(int seed)
    {
        seed = seed == 0 ? Environment.TickCount : seed;
        output.WriteLine($"seed {seed}, {Steps} steps");
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(Steps > 1000 ? 120 : 4));
        await using var run = new Run(new Random(seed), deadline.Token);
        try
        {
            await run.StartAsync();
            for (var step = 0; step < Steps; step++)
            {
                await run.StepAsync();
            }

            await run.FinishAsync();
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            throw new InvalidOperationException($"seed {seed}: {failure.Message}", failure);
        }

        output.WriteLine(run.ToString());
        Assert.True(run.Kills > 0 && run.Collections > 0 && run.PacksRemoved > 0, $"seed {seed}: {run}");
    }

    private sealed class Run(Random random, CancellationToken token) : IAsyncDisposable
    {
        private const int Vms = 3;
        private readonly TestDisk[] _disks = [.. Enumerable.Range(0, Vms).Select(i => new TestDisk((1 << 20) + (i * 700_000 / 4096 * 4096)).Fill(0, 1 << 20, i + 100, compressible: false))];
        private readonly Dictionary<string, (int Vm, byte[] Content)> _model = new(StringComparer.Ordinal);
        private readonly Lock _gate = new();
        private readonly HashSet<string> _uncertain = new(StringComparer.Ordinal);
        private CrashStorage _storage = new();
        private RepositoryStore _store = null!;
        private int _jobs;

        public int Kills { get; private set; }

        public int Collections { get; private set; }

        public int PacksRemoved { get; private set; }

        private int Backups { get; set; }

        private int Removals { get; set; }

        public override string ToString() => $"{Backups} backups, {Removals} removals, {Collections} rounds, {PacksRemoved} packs removed, {Kills} kills, {_model.Count} points left";

        public ValueTask DisposeAsync() => _storage.DisposeAsync();

        public async Task StartAsync() => _store = await TestRepository.CreateAsync(_storage, token);

        public async Task StepAsync()
        {
            try
            {
                await ActAsync();
            }
            catch (RepositoryException) when (_storage.WasKilled)
            {
                // The step may or may not have happened; the next opening tells.
            }

            if (_storage.WasKilled || random.Next(12) == 0)
            {
                await RestartAsync();
            }
        }

        public async Task FinishAsync()
        {
            await RestartAsync(killAt: 0);
            Assert.Empty((await _store.VerifyAsync(null, null, token)).Damages);
            await CompareAsync(_model.Count);
            foreach (var point in _store.ListPoints())
            {
                await _store.RemovePointAsync(point.PointId, token);
            }

            _model.Clear();
            await RestartAsync(compare: false, killAt: 0);
            foreach (var task in Enumerable.Range(0, _jobs + 1))
            {
                await _store.AbandonTaskAsync($"task-job-{task}", token);
            }

            await _store.CollectAsync(new GcOptions { Grace = TimeSpan.Zero }, null, token);
            Assert.DoesNotContain(_storage.Names("packs"), name => name.EndsWith(".pack", StringComparison.Ordinal));
            await _store.DisposeAsync();
        }

        private async Task ActAsync()
        {
            switch (random.Next(10))
            {
                case < 3:
                    await BackUpAsync(random.Next(Vms));
                    break;
                case < 5:
                    await RemoveAsync();
                    break;
                case < 7:
                    await CollectAsync();
                    break;
                case 7:
                    await CompareAsync(2);
                    break;
                default:
                    // All at once. Each VM has its own disk; removals and readers go beside.
                    await Task.WhenAll(BackUpAsync(0), BackUpAsync(1), CollectAsync(), RemoveAsync(), CompareAsync(1));
                    break;
            }
        }

        private async Task BackUpAsync(int vm)
        {
            var disk = _disks[vm];
            string job;
            string? basePoint;
            List<OvirtDistributed.Repository.Maps.DiskRange> extents;
            byte[] content;
            lock (_gate)
            {
                job = $"job-{_jobs++}";
                disk.TakeDirty();
                for (var i = random.Next(4); i > 0; i--)
                {
                    var length = random.Next(4096, 300_000);
                    var at = random.Next((int)disk.Size - length);
                    _ = random.Next(4) == 0 ? disk.Zero(at, length) : disk.Fill(at, length, random.Next(40), compressible: random.Next(2) == 0);
                }

                var bases = _model.Where(point => point.Value.Vm == vm && !_uncertain.Contains(point.Key)).Select(point => point.Key).ToList();
                basePoint = bases.Count > 0 && random.Next(4) > 0 ? bases[random.Next(bases.Count)] : null;
                extents = basePoint is null ? disk.DataExtents() : Difference(_model[basePoint].Content, disk.Content);
                content = [.. disk.Content];
                _uncertain.Add($"point-{job}");
                _model[$"point-{job}"] = (vm, content);
            }

            try
            {
                await _store.BackUpAsync(job, new Image(content).Disk, extents, basePoint, token);
                Backups++;
                lock (_gate)
                {
                    _uncertain.Remove($"point-{job}");
                }
            }
            catch (RepositoryException failure) when (failure.Error is RepositoryError.NotFound or RepositoryError.MissingFrames && !_storage.WasKilled)
            {
                // The base was removed meanwhile, or something it relied on at the very moment: a job would send it again. Nothing was committed.
                lock (_gate)
                {
                    _model.Remove($"point-{job}");
                    _uncertain.Remove($"point-{job}");
                }
            }
        }

        private async Task RemoveAsync()
        {
            string point;
            lock (_gate)
            {
                var points = _model.Keys.Where(id => !_uncertain.Contains(id)).ToList();
                if (points.Count < 2)
                {
                    return;
                }

                point = points[random.Next(points.Count)];
                _uncertain.Add(point);
            }

            try
            {
                await _store.RemovePointAsync(point, token);
                Removals++;
                lock (_gate)
                {
                    _model.Remove(point);
                    _uncertain.Remove(point);
                }
            }
            catch (RepositoryException failure) when (failure.Error == RepositoryError.PointInUse)
            {
                lock (_gate)
                {
                    _uncertain.Remove(point);
                }
            }
        }

        private async Task CollectAsync()
        {
            double below;
            lock (_gate)
            {
                below = random.NextDouble() * 0.95;
            }

            try
            {
                var report = await _store.CollectAsync(new GcOptions { Grace = TimeSpan.Zero, RewriteBelow = below }, null, token);
                Assert.Empty(report.Problems);
                Collections++;
                PacksRemoved += report.RemovedPacks;
            }
            catch (RepositoryException failure) when (failure.Error == RepositoryError.Busy)
            {
                // Another one runs.
            }
        }

        private async Task CompareAsync(int count)
        {
            List<string> some;
            lock (_gate)
            {
                some = [.. _model.Keys.Where(id => !_uncertain.Contains(id)).OrderBy(_ => random.Next()).Take(count)];
            }

            foreach (var point in some)
            {
                try
                {
                    var content = await _store.RestoreAsync(point, token);
                    lock (_gate)
                    {
                        Assert.True(!_model.TryGetValue(point, out var expected) || content.AsSpan().SequenceEqual(expected.Content), $"{point} differs");
                    }
                }
                catch (RepositoryException failure) when (failure.Error == RepositoryError.NotFound && IsGone(point))
                {
                    // Removed meanwhile.
                }
            }
        }

        private bool IsGone(string point)
        {
            lock (_gate)
            {
                return !_model.ContainsKey(point) || _uncertain.Contains(point);
            }
        }

        private async Task RestartAsync(bool compare = true, int? killAt = null)
        {
            Kills += _storage.WasKilled ? 1 : 0;
            await _store.DisposeAsync();
            var tail = (Tail)random.Next(3);
            while (true)
            {
                _storage = _storage.Reboot(tail, killAt ?? (random.Next(3) == 0 ? 0 : random.Next(1, 500)), random.Next(2) == 0);
                try
                {
                    _store = await TestRepository.OpenAsync(_storage, token);
                    break;
                }
                catch (RepositoryException) when (_storage.WasKilled)
                {
                    Kills++; // while recovering
                }
            }

            Assert.True(_store.Recovery.Problems.Count == 0, string.Join("; ", _store.Recovery.Problems));
            Settle();
            if (compare)
            {
                try
                {
                    await CompareAsync(3);
                }
                catch (RepositoryException) when (_storage.WasKilled)
                {
                    // The next step restarts it.
                }
            }
        }

        /// <summary>What was under way at the kill either happened or did not; both are right, and what is acknowledged must be there.</summary>
        private void Settle()
        {
            var listed = _store.ListPoints().Select(point => point.PointId).ToHashSet(StringComparer.Ordinal);
            foreach (var point in _model.Keys.ToList())
            {
                Assert.True(listed.Contains(point) || _uncertain.Contains(point), $"{point} was acknowledged and is gone");
                if (!listed.Contains(point))
                {
                    _model.Remove(point);
                }
            }

            Assert.True(listed.All(_model.ContainsKey), "a removed point is back");
            _uncertain.Clear();
        }

        private static List<OvirtDistributed.Repository.Maps.DiskRange> Difference(byte[] old, byte[] now)
        {
            var ranges = new List<OvirtDistributed.Repository.Maps.DiskRange>();
            for (var at = 0; at < now.Length; at += TestDisk.Block)
            {
                var length = Math.Min(TestDisk.Block, now.Length - at);
                if (!now.AsSpan(at, length).SequenceEqual(old.AsSpan(at, length)))
                {
                    ranges.Add(new OvirtDistributed.Repository.Maps.DiskRange(at, length));
                }
            }

            return ranges;
        }

        private sealed class Image
        {
            public Image(byte[] content)
            {
                Disk = new TestDisk(content.Length);
                content.CopyTo(Disk.Content, 0);
            }

            public TestDisk Disk { get; }
        }
    }
}
