// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Tests.Repository.Support;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Encryption;

/// <summary>A repository whose keeper does not have the key.</summary>
public sealed class EncryptedStoreTests : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("ovd-repo-").FullName;
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromSeconds(60));
    private readonly RepositoryKey _key = RepositoryKey.Generate();
    private readonly TestDisk _disk = new TestDisk((20 << 20) + 4096).Fill(0, 3 << 20, 1).Fill(17 << 20, 1 << 20, 2, compressible: false);
    private readonly IStorageBackend _storage;

    public EncryptedStoreTests() => _storage = LocalStorage.Open(_directory);

    private CancellationToken Token => _deadline.Token;

    private ContentKeys Keys => ContentKeys.Of(_key);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _storage.DisposeAsync();
        _deadline.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task FullAndIncremental_RestoreBitForBit_AlsoAfterReopening()
    {
        byte[] first;
        await using (var store = await CreateAsync())
        {
            first = [.. _disk.Content];
            _disk.TakeDirty();
            await store.BackUpAsync("job-0", _disk, _disk.DataExtents(), basePoint: null, Token, Keys);
            _disk.Fill(1 << 20, 70_000, 4).Zero(17 << 20, 1 << 18);
            var second = await store.BackUpAsync("job-1", _disk, _disk.TakeDirty(), "point-job-0", Token, Keys);
            Assert.InRange(second.ChunksSent, 1, 12);
            Assert.Equal(first, await store.RestoreAsync("point-job-0", Token, Keys));
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, Token);
        Assert.True(reopened.Recovery.IsClean, string.Join("; ", reopened.Recovery.Problems));
        Assert.Equal(first, await reopened.RestoreAsync("point-job-0", Token, Keys));
        Assert.Equal(_disk.Content, await reopened.RestoreAsync("point-job-1", Token, Keys));
        Assert.Empty((await reopened.VerifyAsync(null, null, Token)).Damages);
    }

    [Fact]
    public async Task NoFileHoldsTheKeyOrAnythingThatWasBackedUp()
    {
        var secret = Encoding.UTF8.GetBytes("the only copy of a very private sentence, long enough to be found");
        secret.CopyTo(_disk.Content.AsSpan(5 << 20));
        _disk.Fill(5 << 20, 0, 1);
        await using (var store = await CreateAsync())
        {
            await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, _disk), Token);
            await using var writer = new TestWriter(store, session, Keys);
            var root = await writer.WriteAsync(_disk, [new(0, _disk.Size)], Token);
            var ovf = MetadataFrame.Create("ovf", "application/xml", secret, Keys);
            var manifest = TestWriter.Manifest("job-1", TestWriter.Disk(root, "task-1")) with { Blobs = [ovf.Blob], Properties = new Dictionary<string, string> { ["vm"] = "private-property" } };
            await store.CommitAsync(new CommitRequest { Manifest = manifest, StoredManifest = ManifestCodec.Write(manifest, Keys), MetadataFrames = [ovf.Frame] }, Token);
            await store.AddKeySlotAsync(KeySlots.ForPassphrase(_key, "x", "correct horse battery", DateTimeOffset.UnixEpoch, 1000), Token);
        }

        var salt = Keys.Chunker(TestRepository.Parameters().Chunker).Salt.ToArray();
        byte[][] forbidden =
        [
            _key.Secret.ToArray(), Encoding.ASCII.GetBytes(Convert.ToHexStringLower(_key.Secret)), Encoding.ASCII.GetBytes(Convert.ToBase64String(_key.Secret)),
            salt, Encoding.ASCII.GetBytes(Convert.ToHexStringLower(salt)),
            secret[..24], "private-property"u8.ToArray(), Encoding.UTF8.GetBytes("Web server"), _disk.Content[..32], _disk.Content[(17 << 20)..((17 << 20) + 32)],
        ];
        var files = Directory.GetFiles(_directory, "*", SearchOption.AllDirectories);
        Assert.True(files.Length >= 6);
        foreach (var file in files)
        {
            var content = await File.ReadAllBytesAsync(file, Token);
            Assert.All(forbidden, bytes => Assert.Equal(-1, content.AsSpan().IndexOf(bytes)));
        }

        // The same search finds what is there to be found.
        Assert.Contains(files, file => File.ReadAllBytes(file).AsSpan().IndexOf("manager-1"u8) >= 0);
    }

    [Fact]
    public async Task WithoutTheKeyNamesAreHidden_WithItTheyComeBack()
    {
        await using var store = await CreateAsync();
        await store.BackUpAsync("job-1", _disk, _disk.DataExtents(), basePoint: null, Token, Keys);
        var point = await store.ReadPointAsync("point-job-1", Token);
        Assert.Equal("", point.Manifest.VmName);
        Assert.Equal("", point.Manifest.Disks[0].Alias);
        var read = ManifestCodec.Read("point", point.Bytes.Span, Keys);
        Assert.Equal("Web server \u00fc", read.VmName);
        Assert.Equal("root", read.Disks[0].Alias);
        Assert.True(read.Sealed.IsEmpty);
    }

    [Fact]
    public async Task AManifestChangedOnTheStorage_IsRefusedByWhoHasTheKey()
    {
        await using var store = await CreateAsync();
        var result = await store.BackUpAsync("job-1", _disk, _disk.DataExtents(), basePoint: null, Token, Keys);
        var stored = (await store.ReadPointAsync("point-job-1", Token)).Bytes.ToArray();
        var text = Encoding.UTF8.GetString(stored);
        var changed = text.Replace("\"levels\": 1", "\"levels\": 2", StringComparison.Ordinal);
        Assert.NotEqual(text, changed);

        // Its checksum made right again: only the authentication code is left to tell.
        var payload = Encoding.UTF8.GetBytes(changed[(changed.IndexOf('\n', StringComparison.Ordinal) + 1)..^1]);
        var old = text.Split("\"crc32c\":\"")[1][..8];
        var forged = Encoding.UTF8.GetBytes(changed.Replace(old, Crc32C.Compute(payload).ToString("x8"), StringComparison.Ordinal));
        var failure = Assert.Throws<RepositoryException>(() => ManifestCodec.Read("point", forged, Keys));
        Assert.Contains("authentication code does not hold", failure.Message, StringComparison.Ordinal);
        Assert.Equal(RepositoryError.Damaged, Assert.Throws<RepositoryException>(() => ManifestCodec.Read("point", stored, ContentKeys.Of(RepositoryKey.Generate()))).Error);
        Assert.Equal(1, result.Root.Levels);
    }

    [Fact]
    public async Task WhatIsNotEncryptedOrNotAuthenticated_IsNotTaken()
    {
        await using var store = await CreateAsync();
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, _disk), Token);
        await using (var stream = session.OpenFrameStream())
        {
            var plain = new byte[5000];
            using var encoder = new FrameEncoder(CompressionProfile.Stored, ContentKeys.Plain);
            var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
            var length = encoder.Encode(FrameKind.Chunk, Keys.Compute(FrameKind.Chunk, plain), plain, frame);
            var refused = await Assert.ThrowsAsync<RepositoryException>(async () =>
            {
                await stream.AppendAsync(frame.AsMemory(0, length), Token);
                await stream.CompleteAsync(Token);
            });
            Assert.Contains("not encrypted", refused.Message, StringComparison.Ordinal);
        }

        var manifest = TestWriter.Manifest("job-1");
        var bare = await Assert.ThrowsAsync<RepositoryException>(() => store.CommitAsync(new CommitRequest { Manifest = manifest }, Token));
        Assert.Equal(RepositoryError.InvalidArgument, bare.Error);
        var unsigned = await Assert.ThrowsAsync<RepositoryException>(() => store.CommitAsync(
            new CommitRequest { Manifest = manifest, StoredManifest = ManifestCodec.Write(manifest, ContentKeys.Plain) }, Token));
        Assert.Contains("no authentication code", unsigned.Message, StringComparison.Ordinal);
        var other = TestWriter.Manifest("job-2");
        var exchanged = await Assert.ThrowsAsync<RepositoryException>(() => store.CommitAsync(
            new CommitRequest { Manifest = manifest, StoredManifest = ManifestCodec.Write(other, Keys) }, Token));
        Assert.Contains("another point", exchanged.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnEncryptedFrame_IsNotTakenByARepositoryThatIsNotEncrypted()
    {
        await using var store = await TestRepository.CreateAsync(_storage, Token);
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, _disk), Token);
        await using var writer = new TestWriter(store, session, Keys);
        var refused = await Assert.ThrowsAsync<RepositoryException>(() => writer.WriteAsync(_disk, _disk.DataExtents(), Token));
        Assert.Contains("encrypted", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheWrongKey_IsKnownBeforeAnythingIsRead()
    {
        await using var store = await CreateAsync();
        var encryption = store.Parameters.Encryption!;
        Assert.Equal(RepositoryError.KeyRequired, Assert.Throws<RepositoryException>(() => ContentKeys.For(encryption, null)).Error);
        Assert.Equal(RepositoryError.KeyRequired, Assert.Throws<RepositoryException>(() => ContentKeys.For(encryption, RepositoryKey.Generate())).Error);
        var forged = new RepositoryKey(RepositoryKey.Generate().Secret, _key.KeySetId);
        Assert.Contains("not the key", Assert.Throws<RepositoryException>(() => ContentKeys.For(encryption, forged)).Message, StringComparison.Ordinal);
        Assert.True(ContentKeys.For(encryption, _key).HasKey);
    }

    [Fact]
    public async Task TheCutSaltIsNotStored_AndProgramsWithoutEncryptionStayAway()
    {
        await using var store = await CreateAsync();
        Assert.True(store.Parameters.Chunker.Salt.Span.IndexOfAnyExcept((byte)0) < 0);
        Assert.True(Keys.Chunker(store.Parameters.Chunker).Salt.Span.IndexOfAnyExcept((byte)0) >= 0);
        Assert.Contains("\"version\":2", await File.ReadAllTextAsync(Path.Combine(_directory, "repo.json"), Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SlotsComeAndGo_TheLastStays_AndEachOpensTheRepository()
    {
        await using (var store = await CreateAsync())
        {
            var first = KeySlots.ForPassphrase(_key, "one", "correct horse battery", DateTimeOffset.UnixEpoch, 1000);
            await store.AddKeySlotAsync(first, Token);
            await store.AddKeySlotAsync(first, Token); // idempotent
            var last = await Assert.ThrowsAsync<RepositoryException>(() => store.RemoveKeySlotAsync(first.Id, Token));
            Assert.Contains("last", last.Message, StringComparison.Ordinal);
            await store.AddKeySlotAsync(KeySlots.ForKeyFile(_key, "two", new byte[32], DateTimeOffset.UnixEpoch.AddDays(1)), Token);
            Assert.True(await store.RemoveKeySlotAsync(first.Id, Token));
            Assert.False(await store.RemoveKeySlotAsync(first.Id, Token));
            var foreign = KeySlots.ForKeyFile(RepositoryKey.Generate(), "x", new byte[32], DateTimeOffset.UnixEpoch);
            Assert.Equal(RepositoryError.InvalidArgument, (await Assert.ThrowsAsync<RepositoryException>(() => store.AddKeySlotAsync(foreign, Token))).Error);
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, Token);
        var slot = Assert.Single(await reopened.ListKeySlotsAsync(Token));
        Assert.Equal("two", slot.Label);
        KeySlots.OpenWithKeyFile(slot, new byte[32]).RequireFits(reopened.Parameters.Encryption!);
    }

    [Fact]
    public async Task AFrameDamagedOnTheStorage_IsFoundWithoutTheKey_AndSentAgain()
    {
        await using (var store = await CreateAsync())
        {
            await store.BackUpAsync("job-0", _disk, _disk.DataExtents(), basePoint: null, Token, Keys);
        }

        var pack = Directory.GetFiles(Path.Combine(_directory, "packs"), "*.pack", SearchOption.AllDirectories).Order().First();
        await using (var file = new FileStream(pack, FileMode.Open, FileAccess.ReadWrite))
        {
            file.Position = 64 + FrameHeader.Size + 100;
            var value = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)(value ^ 1));
        }

        await using var reopened = await RepositoryStore.OpenAsync(
            _storage, TestRepository.Options, TimeProvider.System, NullLogger<RepositoryStore>.Instance, Token);
        Assert.Single((await reopened.VerifyAsync(null, null, Token)).Damages);
        await Assert.ThrowsAsync<RepositoryException>(() => reopened.RestoreAsync("point-job-0", Token, Keys));
        _disk.TakeDirty();
        var healed = await reopened.BackUpAsync("job-1", _disk, [], "point-job-0", Token, Keys);
        Assert.InRange(healed.ChunksSent, 1, 2);
        Assert.Equal(_disk.Content, await reopened.RestoreAsync("point-job-0", Token, Keys));
    }

    private Task<RepositoryStore> CreateAsync() =>
        TestRepository.CreateAsync(_storage, Token, TestRepository.Parameters() with { Encryption = _key.Describe() });
}
