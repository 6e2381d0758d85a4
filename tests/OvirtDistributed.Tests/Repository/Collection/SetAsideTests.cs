// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Collection;

/// <summary>A manifest that cannot be read keeps garbage collection from its work until an operator gives the point up.</summary>
public sealed class SetAsideTests : IAsyncDisposable
{
    private static readonly GcOptions AtOnce = new() { Grace = TimeSpan.Zero };
    private static readonly TestDisk Disk = new TestDisk(8 << 20).Fill(0, 8 << 20, 7, compressible: false);

    private readonly CrashStorage _storage = new();
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    [Theory]
    [InlineData("cut")]
    [InlineData("empty")]
    [InlineData("gone")]
    public async Task DamagedManifest_IsMovedAndSpaceComesBack(string damage)
    {
        var (path, before) = await BackUpAndDamageAsync(damage);
        await using (var store = await TestRepository.OpenAsync(_storage, _token))
        {
            if (damage == "gone")
            {
                _storage.Remove(path); // behind its back
            }

            Assert.Contains("point-job-0", Assert.Single((await store.CollectAsync(AtOnce, null, _token).WithinDeadline()).Problems), StringComparison.Ordinal);
            Assert.Contains("point-job-0", Assert.Single(store.LastCollection!.Problems), StringComparison.Ordinal);

            var aside = await store.SetAsideAsync(path, unauthentic: false, _token).WithinDeadline();

            Assert.Equal("damaged" + path["points".Length..], aside);
            Assert.DoesNotContain(path, _storage.Names("points"));
            Assert.Equal(damage == "gone" ? [] : [aside!], _storage.Names("damaged"));
            Assert.True(damage == "gone" || _storage.Read(aside!).AsSpan().SequenceEqual(before));
            Assert.Empty(store.LastCollection!.Problems);
            Assert.Null(await store.SetAsideAsync(path, unauthentic: false, _token).WithinDeadline());
            var report = await store.CollectAsync(AtOnce, null, _token).WithinDeadline();
            Assert.Empty(report.Problems);
            Assert.True(report.RemovedPacks > 0, report.ToString());
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        Assert.Empty(reopened.Recovery.Problems);
        Assert.Empty(reopened.ListPoints());
    }

    [Fact]
    public async Task WholeManifest_StaysWhereItIs()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token).WithinDeadline();
        var path = Assert.Single(_storage.Names("points"));

        await AssertRefusedAsync(store, path, RepositoryError.InvalidArgument);
        await AssertRefusedAsync(store, "repo.json", RepositoryError.InvalidArgument);

        // Who has the key sees more than the repository does.
        await using (await store.OpenReadSessionAsync("point-job-0", _token))
        {
            var error = await Assert.ThrowsAsync<RepositoryException>(() => store.SetAsideAsync(path, unauthentic: true, _token).WithinDeadline());
            Assert.Equal(RepositoryError.PointInUse, error.Error);
        }

        Assert.NotNull(store.FindPoint("point-job-0"));
        Assert.NotNull(await store.SetAsideAsync(path, unauthentic: true, _token).WithinDeadline());
        Assert.Null(store.FindPoint("point-job-0"));
    }

    [Fact]
    public async Task LockedPoint_StaysThoughItsManifestIsDamaged()
    {
        string path;
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token).WithinDeadline();
            await store.LockPointAsync("point-job-0", TimeSpan.FromDays(3), _token).WithinDeadline();
            path = Assert.Single(_storage.Names("points"));
            _storage.Write(path, _storage.Read(path)[..100]);
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        await AssertRefusedAsync(reopened, path, RepositoryError.PointLocked);
        Assert.Equal([path], _storage.Names("points"));
    }

    [Fact]
    public async Task NewerManifest_IsNotTakenForDamaged()
    {
        string path;
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token).WithinDeadline();
            path = Assert.Single(_storage.Names("points"));
            var text = System.Text.Encoding.UTF8.GetString(_storage.Read(path)).Replace("\"version\":1", "\"version\":9", StringComparison.Ordinal);
            _storage.Write(path, System.Text.Encoding.UTF8.GetBytes(text));
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        await AssertRefusedAsync(reopened, path, RepositoryError.NewerFormat);
    }

    [Fact]
    public async Task DamagedCopyUnderAnotherName_GoesAndTheWholeOneStays()
    {
        string path;
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token).WithinDeadline();
            path = Assert.Single(_storage.Names("points"));
        }

        var second = path.Replace("_job-0", "_job-1", StringComparison.Ordinal);
        _storage.Write(second, _storage.Read(path)[..100]);
        await using var reopened = await TestRepository.OpenAsync(_storage, _token);

        Assert.NotNull(await reopened.SetAsideAsync(second, unauthentic: false, _token).WithinDeadline());

        Assert.Equal([path], _storage.Names("points"));
        Assert.Empty(reopened.ListDuplicatePoints());
        Assert.Equal(Disk.Content, await reopened.RestoreAsync("point-job-0", _token).WithinDeadline());
    }

    private async Task AssertRefusedAsync(OvirtDistributed.Repository.Store.RepositoryStore store, string path, RepositoryError expected)
    {
        var error = await Assert.ThrowsAsync<RepositoryException>(() => store.SetAsideAsync(path, unauthentic: false, _token).WithinDeadline());
        Assert.Equal(expected, error.Error);
        Assert.Empty(_storage.Names("damaged"));
    }

    private async Task<(string Path, byte[] Content)> BackUpAndDamageAsync(string damage)
    {
        string path;
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token).WithinDeadline();
            path = Assert.Single(_storage.Names("points"));
        }

        var content = damage switch
        {
            "cut" => _storage.Read(path)[..100],
            "empty" => [],
            _ => _storage.Read(path),
        };
        _storage.Write(path, content);
        return (path, content);
    }
}
