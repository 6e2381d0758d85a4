// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Benchmarks.Images;

namespace OvirtDistributed.Benchmarks.Contenders;

/// <summary>restic with its defaults: it always encrypts, and syncs every pack.</summary>
internal sealed class ResticContender() : ProgramContender("restic")
{
    public override bool IsIncremental => true;

    public override Task<TimeSpan> BackUpAsync(TestImage image, CancellationToken cancellationToken) =>
        RunAsync(image.Directory, ["backup", "--quiet", "--tag", "disk", Path.GetFileName(image.RawFile)], cancellationToken);

    public override Task BackUpSecondDiskAsync(TestImage image, CancellationToken cancellationToken) =>
        RunAsync(image.Directory, ["backup", "--quiet", "--tag", "second", Path.GetFileName(image.RawFile)], cancellationToken);

    public override async Task<TimeSpan> RestoreAsync(string file, long sizeBytes, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateDirectory($"{file}.d").FullName;
        var restored = Path.Combine(folder, "disk.raw");

        var took = await RunAndFlushAsync(
            folder, ["restore", "latest", "--quiet", "--tag", "disk", "--target", folder], restored, cancellationToken);
        File.Move(restored, file);
        Directory.Delete(folder, recursive: true);
        return took;
    }

    protected override async Task InitializeAsync(string directory, CancellationToken cancellationToken)
    {
        Settings["RESTIC_REPOSITORY"] = StoreDirectory;
        Settings["RESTIC_PASSWORD"] = "bench";
        Settings["RESTIC_CACHE_DIR"] = Path.Combine(directory, "cache");
        _ = await RunAsync(directory, ["init", "--quiet"], cancellationToken);
    }
}
