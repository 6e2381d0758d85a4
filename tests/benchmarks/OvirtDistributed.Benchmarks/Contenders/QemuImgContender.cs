// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Benchmarks.Images;

namespace OvirtDistributed.Benchmarks.Contenders;

/// <summary>qemu-img: a compressed copy of one state, no deduplication and no increments.</summary>
internal sealed class QemuImgContender() : ProgramContender("qemu-img")
{
    public override bool IsIncremental => false;

    private string Copy => Path.Combine(StoreDirectory, "disk.qcow2");

    public override Task<TimeSpan> BackUpAsync(TestImage image, CancellationToken cancellationToken) => RunAndFlushAsync(
        image.Directory,
        ["convert", "-f", "raw", "-t", "writeback", "-c", "-O", "qcow2", "-o", "compression_type=zstd", "-W", "-m", "8", image.RawFile, Copy],
        Copy,
        cancellationToken);

    public override Task BackUpSecondDiskAsync(TestImage image, CancellationToken cancellationToken) => Task.CompletedTask;

    public override Task<TimeSpan> RestoreAsync(string file, long sizeBytes, CancellationToken cancellationToken) =>
        RunAndFlushAsync(StoreDirectory, ["convert", "-f", "qcow2", "-t", "writeback", "-O", "raw", Copy, file], file, cancellationToken);

    protected override Task InitializeAsync(string directory, CancellationToken cancellationToken)
    {
        _ = Directory.CreateDirectory(StoreDirectory);
        return Task.CompletedTask;
    }
}
