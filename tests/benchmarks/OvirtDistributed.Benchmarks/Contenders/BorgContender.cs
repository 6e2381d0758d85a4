// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Benchmarks.Images;

namespace OvirtDistributed.Benchmarks.Contenders;

/// <summary>borg as its manual advises for disk images: chunks of a fixed 1 MiB, holes detected; here with zstd 3 and encryption by repokey.</summary>
internal sealed class BorgContender() : ProgramContender("borg")
{
    private string _last = string.Empty;

    public override bool IsIncremental => true;

    public override Task<TimeSpan> BackUpAsync(TestImage image, CancellationToken cancellationToken)
    {
        _last = image.DirtyBlocks.Count == 0 ? "full" : "incremental";
        return CreateAsync(image, _last, cancellationToken);
    }

    public override Task BackUpSecondDiskAsync(TestImage image, CancellationToken cancellationToken) => CreateAsync(image, "second", cancellationToken);

    public override Task<TimeSpan> RestoreAsync(string file, long sizeBytes, CancellationToken cancellationToken) =>
        ExtractAsync(file, cancellationToken);

    protected override async Task InitializeAsync(string directory, CancellationToken cancellationToken)
    {
        Settings["BORG_REPO"] = StoreDirectory;
        Settings["BORG_PASSPHRASE"] = "bench";
        Settings["BORG_BASE_DIR"] = directory;
        _ = await RunAsync(directory, ["init", "--encryption", "repokey"], cancellationToken);
    }

    private Task<TimeSpan> CreateAsync(TestImage image, string archive, CancellationToken cancellationToken) => RunAsync(
        image.Directory,
        ["create", "--chunker-params", "fixed,1048576", "--sparse", "--compression", "zstd,3", $"::{archive}", Path.GetFileName(image.RawFile)],
        cancellationToken);

    private async Task<TimeSpan> ExtractAsync(string file, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateDirectory($"{file}.d").FullName;
        var restored = Path.Combine(folder, "disk.raw");
        var took = await RunAndFlushAsync(folder, ["extract", "--sparse", $"::{_last}"], restored, cancellationToken);
        File.Move(restored, file);
        Directory.Delete(folder, recursive: true);
        return took;
    }
}
