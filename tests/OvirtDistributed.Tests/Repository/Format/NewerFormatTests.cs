// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Format;

/// <summary>What a later program may write is refused with a clear word, and never misread.</summary>
public sealed class NewerFormatTests
{
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(FormatCompatibilityTests.Plain, 1)]
    [InlineData(FormatCompatibilityTests.Encrypted, 2)]
    public async Task ARepositoryOfALaterVersion_IsRefused_WithBothNumbers(string name, int version)
    {
        using var fixture = Fixture.CopyFrozen(name);
        FrameEditor.ChangeTextVersion(Path.Combine(fixture.Repository, "repo.json"), version, 3);
        await using var storage = LocalStorage.Open(fixture.Repository);
        var refused = await Assert.ThrowsAsync<RepositoryException>(() => TestRepository.OpenAsync(storage, _token)).WithinDeadline();
        Assert.Equal(RepositoryError.NewerFormat, refused.Error);
        Assert.Contains("format version 3, this program reads up to 2; use a newer program", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AManifestOfALaterVersion_IsRefused_AndTheOthersAreRead()
    {
        using var fixture = Fixture.CopyFrozen(FormatCompatibilityTests.Plain);
        var manifest = Directory.GetFiles(Path.Combine(fixture.Repository, "points"), "*_point-full_*", SearchOption.AllDirectories).Single();
        FrameEditor.ChangeTextVersion(manifest, 1, 2);
        await using var storage = LocalStorage.Open(fixture.Repository);
        await using var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
        var refused = await Assert.ThrowsAsync<RepositoryException>(() => store.ReadManifestAsync(SampleRepository.Full, _token)).WithinDeadline();
        Assert.Equal(RepositoryError.NewerFormat, refused.Error);
        Assert.Contains("format version 2, this program reads up to 1", refused.Message, StringComparison.Ordinal);
        Assert.Equal(4, (await store.ReadManifestAsync(SampleRepository.Incremental, _token).WithinDeadline()).Disks.Count);
    }

    [Fact]
    public async Task AKeySlotOfALaterVersion_IsLeftOut_AndTheOthersOpen()
    {
        using var fixture = Fixture.CopyFrozen(FormatCompatibilityTests.Encrypted);
        var slot = Directory.GetFiles(Path.Combine(fixture.Repository, "keys")).First(file => File.ReadAllText(file).Contains("KeyFile", StringComparison.Ordinal));
        FrameEditor.ChangeTextVersion(slot, 1, 2);
        await using var storage = LocalStorage.Open(fixture.Repository);
        await using var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
        Assert.Equal(
            [KeySlotKind.Passphrase, KeySlotKind.PublicKey, KeySlotKind.Shares],
            (await store.ListKeySlotsAsync(_token).WithinDeadline()).Select(item => item.Kind).Order());
        Assert.True((await fixture.KeysAsync(store, _token).WithinDeadline()).HasKey);
    }

    [Fact]
    public async Task APackOfALaterVersion_IsRefused_WhereItMustBeLookedThrough()
    {
        using var fixture = Fixture.CopyFrozen(FormatCompatibilityTests.Plain);
        FrameEditor.ChangePackVersion(fixture, 2);
        Directory.Delete(Path.Combine(fixture.Repository, "index"), recursive: true);
        await using var storage = LocalStorage.Open(fixture.Repository);
        var refused = await Assert.ThrowsAsync<RepositoryException>(() => TestRepository.OpenAsync(storage, _token)).WithinDeadline();
        Assert.Equal(RepositoryError.NewerFormat, refused.Error);
        Assert.Contains("version 2, this program reads 1", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, 2, RepositoryError.NewerFormat, "version 2, this program reads 1")]
    [InlineData(5, 0, RepositoryError.Damaged, "kind 0 is unknown")]
    [InlineData(5, 6, RepositoryError.Damaged, "kind 6 is unknown")]
    [InlineData(6, 3, RepositoryError.Damaged, "compression 3 is unknown")]
    [InlineData(7, 2, RepositoryError.Damaged, "flags 02 are unknown")]
    [InlineData(7, 3, RepositoryError.Damaged, "flags 03 are unknown")]
    public async Task AFrameWithSomethingUnknown_IsRefused_AndNeverMisread(int at, byte value, RepositoryError error, string message)
    {
        using var fixture = Fixture.CopyFrozen(FormatCompatibilityTests.Plain);
        FrameEditor.ChangeFrames(fixture, at, value);
        await using var storage = LocalStorage.Open(fixture.Repository);
        await using var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
        var refused = await Assert.ThrowsAsync<RepositoryException>(() => store.RestoreAsync(SampleRepository.Full, _token)).WithinDeadline();
        Assert.Equal(error, refused.Error);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Else the frames would be passed over like the end of a crash, and the pack sealed without them, or removed as empty.</summary>
    [Theory]
    [InlineData(4, 2, RepositoryError.NewerFormat, "version 2, this program reads 1")]
    [InlineData(5, 6, RepositoryError.NewerFormat, "kind 6 is unknown")]
    [InlineData(7, 2, RepositoryError.NewerFormat, "flags 02 are unknown")]
    public async Task AnUnsealedPackWithSomethingUnknown_IsRefused_AndLeftAsItIs(int at, byte value, RepositoryError error, string message)
    {
        using var fixture = Fixture.CopyFrozen(FormatCompatibilityTests.Plain);
        FrameEditor.ChangeFrames(fixture, at, value);
        FrameEditor.CutTrailers(fixture);
        Directory.Delete(Path.Combine(fixture.Repository, "index"), recursive: true);
        var before = fixture.Packs().ToDictionary(pack => pack, File.ReadAllBytes);
        await using var storage = LocalStorage.Open(fixture.Repository);
        var outcome = await Record.ExceptionAsync(async () => await (await TestRepository.OpenAsync(storage, _token)).DisposeAsync()).AsTask().WithinDeadline();
        Assert.Equal(before.Keys, fixture.Packs());
        Assert.All(before, pack => Assert.Equal(pack.Value, File.ReadAllBytes(pack.Key)));
        var refused = Assert.IsType<RepositoryException>(outcome);
        Assert.Equal(error, refused.Error);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PagesAndNodesOfALaterVersion_AreRefused()
    {
        byte[] page = [.. "OVDM"u8, 2, .. new byte[19]];
        byte[] node = [.. "OVDN"u8, 2, 1, .. new byte[6]];
        Assert.Equal(RepositoryError.NewerFormat, Assert.Throws<RepositoryException>(() => MapPage.Parse(page, [])).Error);
        Assert.Equal(RepositoryError.NewerFormat, Assert.Throws<RepositoryException>(() => MapNode.Parse(node, 1, new OvirtDistributed.Repository.Digests.ChunkDigest[1])).Error);
    }
}
