// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Benchmarks.Images;
using OvirtDistributed.Benchmarks.Processes;
using OvirtDistributed.Lab.Certificates;
using OvirtDistributed.Repository.Points;

namespace OvirtDistributed.Benchmarks.Scenarios;

/// <summary>One Data Mover and some workers, each a process, warmed up; disks are raw files that the workers read and write themselves.</summary>
internal sealed class ScenarioSite : IAsyncDisposable
{
    private const int WarmUpBytes = 64 << 20;

    private readonly MoverProcess _mover;
    private readonly LineProcess[] _workers;
    private readonly string _directory;
    private int _tasks;
    private bool _disposed;

    private ScenarioSite(MoverProcess mover, LineProcess[] workers, string directory, string storeDirectory)
    {
        _mover = mover;
        _workers = workers;
        _directory = directory;
        StoreDirectory = storeDirectory;
    }

    public string StoreDirectory { get; }

    public double WorkerPeakMiB => _workers.Max(worker => ProcessUsage.PeakMiB(worker.Id));

    public double MoverPeakMiB => ProcessUsage.PeakMiB(_mover.ProcessId);

    public MoverProcess Mover => _mover;

    public static async Task<ScenarioSite> StartAsync(string directory, int workers, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateDirectory(directory).FullName;
        var tls = Path.Combine(folder, "tls");
        var certificates = LabCertificates.Create(tls, TimeProvider.System);
        var store = Path.Combine(folder, "store");
        var mover = await MoverProcess.StartAsync(certificates, store, folder, cancellationToken);
        _ = certificates.Issue("worker");
        var processes = Enumerable.Range(0, workers).Select(_ => LineProcess.Start(WorkerMode.Argument, Path.Combine(tls, "worker"))).ToArray();
        var site = new ScenarioSite(mover, processes, folder, store);
        try
        {
            await site.WarmUpAsync(cancellationToken);
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>Backs a disk up and commits the point.</summary>
    /// <param name="worker">Number of the worker, from 0.</param>
    /// <param name="image">The disk; its dirty blocks count only with a base.</param>
    /// <param name="disk">Id of disk and VM.</param>
    /// <param name="point">Id of the new point.</param>
    /// <param name="basePoint">Null for a full backup.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task<TimeSpan> BackUpAsync(int worker, TestImage image, string disk, string point, string? basePoint, CancellationToken cancellationToken) =>
        BackUpAsync(MoverProcess.Repository, worker, image, disk, point, basePoint, cancellationToken);

    public Task<TimeSpan> RestoreAsync(int worker, string disk, string point, string file, long sizeBytes, CancellationToken cancellationToken) =>
        RestoreAsync(MoverProcess.Repository, worker, disk, point, file, sizeBytes, cancellationToken);

    /// <summary>Ends the processes; again does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        foreach (var worker in _workers)
        {
            await worker.DisposeAsync();
        }

        await _mover.DisposeAsync();
    }

    private async Task WarmUpAsync(CancellationToken cancellationToken)
    {
        var content = new byte[WarmUpBytes];
        for (var worker = 0; worker < _workers.Length; worker++)
        {
            new Random(worker).NextBytes(content);
            var raw = Path.Combine(_directory, "warmup.raw");
            await File.WriteAllBytesAsync(raw, content, cancellationToken);
            var name = $"warmup{worker}";
            _ = await BackUpAsync(MoverProcess.WarmUpRepository, worker, new TestImage(raw, null, null, []), name, name, null, cancellationToken);
            var restored = Path.Combine(_directory, "warmup.restored");
            _ = await RestoreAsync(MoverProcess.WarmUpRepository, worker, name, name, restored, WarmUpBytes, cancellationToken);
            File.Delete(raw);
            File.Delete(restored);
        }
    }

    private async Task<TimeSpan> BackUpAsync(
        string repository, int worker, TestImage image, string disk, string point, string? basePoint, CancellationToken cancellationToken)
    {
        var request = NewRequest(repository, disk, image.SizeBytes, image.RawFile) with { BasePoint = basePoint, DirtyBlocks = image.DirtyBlocks };
        var started = Stopwatch.GetTimestamp();
        var reply = await AskAsync(worker, request, cancellationToken);
        await _mover.CommitAsync(repository, reply.ToManifest(request, point), cancellationToken);
        return Stopwatch.GetElapsedTime(started);
    }

    private async Task<TimeSpan> RestoreAsync(
        string repository, int worker, string disk, string point, string file, long sizeBytes, CancellationToken cancellationToken)
    {
        await using (var target = File.Create(file))
        {
            target.SetLength(sizeBytes);
        }

        var started = Stopwatch.GetTimestamp();
        _ = await AskAsync(worker, NewRequest(repository, disk, sizeBytes, file) with { IsRestore = true, Point = point }, cancellationToken);
        return Stopwatch.GetElapsedTime(started);
    }

    private WorkerRequest NewRequest(string repository, string disk, long sizeBytes, string file) => new(
        false, _mover.Address, repository, $"task{Interlocked.Increment(ref _tasks)}", disk, sizeBytes, null, null, file, null, null, null);

    private async Task<WorkerReply> AskAsync(int worker, WorkerRequest request, CancellationToken cancellationToken)
    {
        var reply = await _workers[worker].AskAsync<WorkerRequest, WorkerReply>(request, cancellationToken);
        return reply.Error is null ? reply : throw new InvalidOperationException($"Task {request.TaskId} of disk {request.DiskId} failed: {reply.Error}");
    }
}
