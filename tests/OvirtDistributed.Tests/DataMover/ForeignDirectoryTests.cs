// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

public sealed class ForeignDirectoryTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task DirectoryWithOtherFiles_NoRepositoryIsMadeAndNothingIsLeftThere()
    {
        using var directory = new TemporaryDirectory();
        var place = Directory.CreateDirectory(directory.File(MoverSite.Main)).FullName;
        await File.WriteAllTextAsync(Path.Combine(place, "letters.txt"), "private", Cancel);
        await using var site = await MoverSite.StartAsync(directory, ownsDirectory: false);

        var refused = await Assert.ThrowsAsync<RpcException>(
            () => site.Control.CreateRepositoryAsync(new CreateRepositoryRequest { Name = MoverSite.Main }, cancellationToken: Cancel).ResponseAsync.WithinDeadline());

        Assert.Contains("letters.txt", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(["letters.txt"], Directory.EnumerateFileSystemEntries(place).Select(Path.GetFileName));

        // With room for it the repository is made, and keeps its folder for unfinished writes.
        File.Delete(Path.Combine(place, "letters.txt"));
        Assert.True((await site.Control.CreateRepositoryAsync(new CreateRepositoryRequest { Name = MoverSite.Main }, cancellationToken: Cancel).ResponseAsync.WithinDeadline()).Created);
        await site.BackUpAsync(MoverScript.MakeDisk(seed: 5, 1 << 20));
    }
}
