// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Encryption;

public sealed class DamagedKeySlotTests : IAsyncDisposable
{
    private readonly CrashStorage _storage = new();
    private readonly RepositoryKey _key = RepositoryKey.Generate();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    [Fact]
    public async Task SlotCannotBeRead_ItIsNamedWhereItIsListedAndInTheLog_AndCanBeRemoved()
    {
        var whole = KeySlots.ForKeyFile(_key, "safe", new byte[32], DateTimeOffset.UnixEpoch);
        var damaged = KeySlots.ForKeyFile(_key, "vault", new byte[33], DateTimeOffset.UnixEpoch);
        await using (var store = await TestRepository.CreateAsync(_storage, Token, TestRepository.Parameters() with { Encryption = _key.Describe() }))
        {
            await store.AddKeySlotAsync(whole, Token).WithinDeadline();
            await store.AddKeySlotAsync(damaged, Token).WithinDeadline();
        }

        var name = $"keys/{damaged.Id:D}.json";
        _storage.Write(name, _storage.Read(name)[..80]);
        var log = new LogLines<RepositoryStore>();
        await using var reopened = await RepositoryStore.OpenAsync(_storage, TestRepository.Options, TimeProvider.System, log, Token).WithinDeadline();

        Assert.Contains(name, Assert.Single(log.All, line => line.Level == LogLevel.Warning).Text, StringComparison.Ordinal);
        var (slots, unreadable) = await reopened.ReadKeySlotsAsync(Token).WithinDeadline();
        Assert.Equal(whole.Id, Assert.Single(slots).Id);
        Assert.Contains(name, Assert.Single(unreadable).Problem, StringComparison.Ordinal);

        // The damaged one opens nothing: it does not count as another one.
        await Assert.ThrowsAsync<RepositoryException>(() => reopened.RemoveKeySlotAsync(whole.Id, Token).WithinDeadline());
        Assert.True(await reopened.RemoveKeySlotAsync(damaged.Id, Token).WithinDeadline());
        Assert.False(await reopened.RemoveKeySlotAsync(damaged.Id, Token).WithinDeadline());
        Assert.Empty((await reopened.ReadKeySlotsAsync(Token).WithinDeadline()).Unreadable);
    }
}
