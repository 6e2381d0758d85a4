// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Benchmarks.Images;
using OvirtDistributed.Benchmarks.Processes;
using OvirtDistributed.Lab.Certificates;

namespace OvirtDistributed.Benchmarks.Contenders;

/// <summary>
/// Ours: worker process and Data Mover process over mutual TLS, fresh ones in each round. With <paramref name="throughImageIo"/> the disk is
/// read and written through an ImageIO daemon over qemu-nbd, each a process too, as in a data center; else the worker uses the raw file.
/// Without <paramref name="tracksChanges"/> an incremental backup is not told what changed and reads the whole disk, as the rivals do.
/// </summary>
internal sealed class OvdContender(bool throughImageIo, bool tracksChanges, LabCertificates certificates, string tlsDirectory) : IContender
{
    public const string ImageIo = "ovd (ImageIO)";
    public const string File = "ovd (file)";
    public const string Untracked = "ovd (file, no CBT)";

    private const string FullPoint = "full";
    private const int WarmUpBytes = 64 << 20;

    private readonly List<StepProfile> _profiles = [];
    private MoverProcess? _mover;
    private LineProcess? _worker;
    private LineProcess? _imageIo;
    private string _directory = string.Empty;
    private string _lastPoint = FullPoint;
    private string _repository = MoverProcess.Repository;
    private double? _moverAllocatedBefore;
    private long _allocated;
    private long _moved;

    public string Name => throughImageIo ? ImageIo : tracksChanges ? File : Untracked;

    public bool IsIncremental => true;

    public string StoreDirectory { get; private set; } = string.Empty;

    /// <summary>Where the time of the last round's steps went.</summary>
    public IReadOnlyList<StepProfile> Profiles => _profiles;

    public RoundUsage Usage { get; private set; } = new(0, 0, 0, null);

    public async Task PrepareAsync(string directory, CancellationToken cancellationToken)
    {
        _directory = Directory.CreateDirectory(directory).FullName;
        StoreDirectory = Path.Combine(directory, "store");
        _lastPoint = FullPoint;
        _mover = await MoverProcess.StartAsync(certificates, StoreDirectory, _directory, cancellationToken);
        _ = certificates.Issue("worker");
        _worker = LineProcess.Start(WorkerMode.Argument, Path.Combine(tlsDirectory, "worker"));
        _imageIo = throughImageIo ? LineProcess.Start(ImageIoMode.Argument) : null;
        await WarmUpAsync(cancellationToken);
    }

    public async Task<TimeSpan> BackUpAsync(TestImage image, CancellationToken cancellationToken)
    {
        var point = image.DirtyBlocks.Count == 0 ? FullPoint : "incremental";
        var took = await BackUpAsync(image, point, "disk", throughImageIo, cancellationToken);
        _lastPoint = point;
        return took;
    }

    public async Task BackUpSecondDiskAsync(TestImage image, CancellationToken cancellationToken) =>
        _ = await BackUpAsync(image, "second", "disk2", viaTransfer: false, cancellationToken);

    public async Task<TimeSpan> RestoreAsync(string file, long sizeBytes, CancellationToken cancellationToken)
    {
        await using (var target = System.IO.File.Create(file))
        {
            target.SetLength(sizeBytes);
        }

        await using var export = throughImageIo ? await NbdExport.OpenAsync(file, "raw", null, writable: true, _directory, cancellationToken) : null;
        var request = await RequestAsync("restore", "disk", sizeBytes, file, export, writable: true, dirty: false, cancellationToken);
        var (took, _) = await RunAsync("restore", request with { IsRestore = true, Point = _lastPoint }, export, null, cancellationToken);
        await RemoveTicketAsync(request, cancellationToken);
        return took;
    }

    public async Task EndRoundAsync()
    {
        if (_mover is not null && _worker is not null)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            var gibibytes = _moved / (double)(1 << 30);
            var mover = await _mover.AllocatedBytesAsync(limit.Token) - _moverAllocatedBefore;
            Usage = new RoundUsage(
                ProcessUsage.PeakMiB(_worker.Id), ProcessUsage.PeakMiB(_mover.ProcessId), _allocated / gibibytes, mover / gibibytes);
        }

        await DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in new IAsyncDisposable?[] { _worker, _imageIo, _mover })
        {
            if (process is not null)
            {
                await process.DisposeAsync();
            }
        }

        (_worker, _imageIo, _mover) = (null, null, null);
    }

    /// <summary>
    /// Worker and Data Mover are services that have run for long when a backup begins: one small backup and restore, into a repository of
    /// their own, come before the measured steps, so that starting processes and compiling code is not taken for copying.
    /// </summary>
    private async Task WarmUpAsync(CancellationToken cancellationToken)
    {
        var content = new byte[WarmUpBytes];
        new Random(3).NextBytes(content);
        var raw = Path.Combine(_directory, "warmup.raw");
        await System.IO.File.WriteAllBytesAsync(raw, content, cancellationToken);
        _repository = MoverProcess.WarmUpRepository;
        _ = await BackUpAsync(new TestImage(raw, raw, null, []), FullPoint, "disk", throughImageIo, cancellationToken);
        _ = await RestoreAsync(Path.Combine(_directory, "warmup.restored"), WarmUpBytes, cancellationToken);
        _repository = MoverProcess.Repository;
        _profiles.Clear();
        (_allocated, _moved) = (0, 0);
        _moverAllocatedBefore = await _mover!.AllocatedBytesAsync(cancellationToken);
    }

    private async Task<TimeSpan> BackUpAsync(TestImage image, string point, string disk, bool viaTransfer, CancellationToken cancellationToken)
    {
        await using var export = viaTransfer
            ? await NbdExport.OpenAsync(image.CowFile!, image.CowFile == image.RawFile ? "raw" : "qcow2", image.Bitmap, writable: false, _directory, cancellationToken)
            : null;
        var request = await RequestAsync(point, disk, image.SizeBytes, image.RawFile, export, writable: false, image.Bitmap is not null, cancellationToken);
        request = request with
        {
            BasePoint = image.DirtyBlocks.Count == 0 ? null : FullPoint,
            DirtyBlocks = tracksChanges ? image.DirtyBlocks : null,
        };
        var (took, _) = await RunAsync(
            point,
            request,
            export,
            reply => _mover!.CommitAsync(request.Repository, reply.ToManifest(request, point), cancellationToken),
            cancellationToken);
        await RemoveTicketAsync(request, cancellationToken);
        return took;
    }

    /// <summary>Sends the task to the worker and measures until it is done and, for a backup, committed.</summary>
    private async Task<(TimeSpan Took, WorkerReply Reply)> RunAsync(
        string step, WorkerRequest request, NbdExport? export, Func<WorkerReply, Task>? commit, CancellationToken cancellationToken)
    {
        var before = Cpu(export);
        var started = Stopwatch.GetTimestamp();
        var reply = await _worker!.AskAsync<WorkerRequest, WorkerReply>(request, cancellationToken);
        if (reply.Error is not null)
        {
            throw new InvalidOperationException($"{Name}: the worker failed in step '{step}': {reply.Error}");
        }

        if (commit is not null)
        {
            await commit(reply);
        }

        var took = Stopwatch.GetElapsedTime(started);
        var after = Cpu(export);
        _allocated += reply.AllocatedBytes;
        _moved += reply.ReadBytes + reply.WrittenBytes;
        _profiles.Add(new StepProfile(
            step, took, after.Worker - before.Worker, after.Mover - before.Mover, after.ImageIo - before.ImageIo, after.Nbd - before.Nbd, reply.Bottleneck, reply.Stages));
        return (took, reply);
    }

    private async Task<WorkerRequest> RequestAsync(
        string task, string disk, long sizeBytes, string file, NbdExport? export, bool writable, bool dirty, CancellationToken cancellationToken)
    {
        var request = new WorkerRequest(false, _mover!.Address, _repository, task, disk, sizeBytes, null, null, file, null, null, null);
        if (export is null)
        {
            return request;
        }

        var ticket = Guid.NewGuid();
        var daemon = await _imageIo!.AskAsync<ImageIoRequest, ImageIoReply>(
            new ImageIoRequest(ticket, sizeBytes, export.Url, writable, dirty), cancellationToken);
        return request with { File = null, TransferUrl = $"https://127.0.0.1:{daemon.Port}/images/{ticket}", CaPem = daemon.CaPem };
    }

    private async Task RemoveTicketAsync(WorkerRequest request, CancellationToken cancellationToken)
    {
        if (request.TransferUrl is { } url)
        {
            var ticket = Guid.Parse(url[(url.LastIndexOf('/') + 1)..]);
            _ = await _imageIo!.AskAsync<ImageIoRequest, ImageIoReply>(new ImageIoRequest(ticket, 0, null, false, false), cancellationToken);
        }
    }

    private (double Worker, double Mover, double ImageIo, double Nbd) Cpu(NbdExport? export) =>
    (
        ProcessUsage.CpuSeconds(_worker!.Id),
        ProcessUsage.CpuSeconds(_mover!.ProcessId),
        _imageIo is null ? 0 : ProcessUsage.CpuSeconds(_imageIo.Id),
        export is null ? 0 : ProcessUsage.CpuSeconds(export.ProcessId));
}
