// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using FsCheck.Fluent;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Tests.Repository.Support;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Encryption;

public sealed class KeySlotTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    // Few rounds: the tests are about right and wrong, not about how long a guess takes.
    private const int Rounds = 1000;

    private readonly RepositoryKey _key = RepositoryKey.Generate();

    [Fact]
    public void APassphraseOpensItsSlot_AndNoOtherDoes()
    {
        var slot = Stored(KeySlots.ForPassphrase(_key, "operator", "correct horse battery", Now, Rounds));
        Same(_key, KeySlots.OpenWithPassphrase(slot, "correct horse battery"));
        Refused(() => KeySlots.OpenWithPassphrase(slot, "correct horse batterY"));
        Assert.Contains("at least 12", Assert.Throws<RepositoryException>(() => KeySlots.ForPassphrase(_key, "", "short", Now)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NewPassphraseSlots_StretchAsMuchAsDocumented() =>
        Assert.True(KeySlots.ForPassphrase(_key, "", "correct horse battery", Now).Iterations >= 600_000);

    [Fact]
    public void AKeyFileOpensItsSlot_AndNoOtherDoes()
    {
        var file = RandomNumberGenerator.GetBytes(64);
        var slot = Stored(KeySlots.ForKeyFile(_key, "safe", file, Now));
        Same(_key, KeySlots.OpenWithKeyFile(slot, file));
        file[63] ^= 1;
        Refused(() => KeySlots.OpenWithKeyFile(slot, file));
        Assert.Throws<RepositoryException>(() => KeySlots.ForKeyFile(_key, "", new byte[31], Now));
    }

    [Fact]
    public void APrivateKeyOpensTheSlotOfItsPublicKey_AndNoOtherDoes()
    {
        using var rsa = RSA.Create(2048);
        using var other = RSA.Create(2048);
        var slot = Stored(KeySlots.ForPublicKey(_key, "auditor", rsa.ExportSubjectPublicKeyInfoPem(), Now));
        Same(_key, KeySlots.OpenWithPrivateKey(slot, rsa.ExportPkcs8PrivateKeyPem()));
        Refused(() => KeySlots.OpenWithPrivateKey(slot, other.ExportPkcs8PrivateKeyPem()));
        Assert.Throws<RepositoryException>(() => KeySlots.ForPublicKey(_key, "", "no key", Now));
    }

    [Fact]
    public void AShortPublicKey_IsRefused()
    {
        using var rsa = RSA.Create(1024);
        Assert.Contains("2048", Assert.Throws<RepositoryException>(() => KeySlots.ForPublicKey(_key, "", rsa.ExportSubjectPublicKeyInfoPem(), Now)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, 3)]
    [InlineData(3, 5)]
    [InlineData(5, 5)]
    [InlineData(17, 255)]
    public void AnyEnoughShares_OpenTheSlot_AndFewerDoNot(int threshold, int count)
    {
        var (slot, shares) = KeySlots.ForShares(_key, "board", threshold, count, Now);
        Assert.Equal(count, shares.Count);
        var random = new Random(threshold * 1000 + count);
        for (var round = 0; round < 20; round++)
        {
            var some = shares.OrderBy(_ => random.Next()).Take(threshold).ToList();
            Same(_key, KeySlots.OpenWithShares(Stored(slot), some));
            Refused(() => KeySlots.OpenWithShares(slot, [.. some.Skip(1)]));
            Refused(() => KeySlots.OpenWithShares(slot, [.. some.Skip(1), some[1]])); // one of them twice
        }
    }

    [Fact]
    public void AWrongOrForeignShare_OpensNothing()
    {
        var (slot, shares) = KeySlots.ForShares(_key, "", 2, 3, Now);
        var (_, others) = KeySlots.ForShares(_key, "", 2, 3, Now);
        Refused(() => KeySlots.OpenWithShares(slot, [shares[0], others[1]]));
        var changed = shares[1].Part.ToArray();
        changed[7] ^= 0x10;
        Refused(() => KeySlots.OpenWithShares(slot, [shares[0], shares[1] with { Part = changed }]));
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(4, 3)]
    [InlineData(2, 256)]
    public void SharesThatMakeNoSense_AreRefused(int threshold, int count) =>
        Assert.Equal(RepositoryError.InvalidArgument, Assert.Throws<RepositoryException>(() => KeySlots.ForShares(_key, "", threshold, count, Now)).Error);

    [Fact]
    public void FewerSharesTellNothing_EachSecretIsEquallyLikely()
    {
        // With one of two shares given, every byte of the secret has exactly one polynomial: count them all for one byte.
        var candidates = new HashSet<byte>();
        for (var slope = 0; slope < 256; slope++)
        {
            candidates.Add((byte)(0x5a ^ SecretSharing.Multiply((byte)slope, 1)));
        }

        Assert.Equal(256, candidates.Count);
    }

    [Fact]
    public void TheFieldIsThatOfAes()
    {
        // FIPS 197, 4.2: {57} x {83} = {c1}, {57} x {13} = {fe}.
        Assert.Equal(0xc1, SecretSharing.Multiply(0x57, 0x83));
        Assert.Equal(0xfe, SecretSharing.Multiply(0x57, 0x13));
    }

    [Fact]
    public void SharesOfAnySecret_GiveItBack() => Prop.ForAll<byte[], byte, byte>((secret, threshold, more) =>
    {
        var needed = 2 + (threshold % 6);
        var count = needed + (more % 5);
        var shares = SecretSharing.Split(secret, needed, count);
        var last = Enumerable.Range(count - needed, needed).Select(i => ((byte)(i + 1), (ReadOnlyMemory<byte>)shares[i])).ToList();
        Assert.Equal(secret, SecretSharing.Combine(last));
    }).Holds();

    [Fact]
    public void EveryByteOfASlot_Counts()
    {
        var content = KeySlotCodec.Write(KeySlots.ForPassphrase(_key, "label", "correct horse battery", Now, Rounds));
        var slot = KeySlotCodec.Read("slot", content);
        Refused(() => KeySlots.OpenWithPassphrase(slot with { Id = Guid.NewGuid() }, "correct horse battery"));
        Refused(() => KeySlots.OpenWithPassphrase(slot with { KeySetId = Guid.NewGuid() }, "correct horse battery"));
        for (var i = 0; i < slot.WrappedKey.Length; i++)
        {
            var wrapped = slot.WrappedKey.ToArray();
            wrapped[i] ^= 0x80;
            Refused(() => KeySlots.OpenWithPassphrase(slot with { WrappedKey = wrapped }, "correct horse battery"));
        }
    }

    [Fact]
    public void PaperComesBack_HoweverItIsTyped()
    {
        var paper = KeyPaper.Write(_key);
        Same(_key, KeyPaper.ReadKey(paper));
        Same(_key, KeyPaper.ReadKey("# a comment\n" + paper.ToLowerInvariant().Replace(' ', '\n') + "\r\n"));
        Same(_key, KeyPaper.ReadKey(paper.Replace(' ', '-')));
        var (slot, shares) = KeySlots.ForShares(_key, "", 2, 2, Now);
        Same(_key, KeySlots.OpenWithShares(slot, [.. shares.Select(share => KeyPaper.ReadShare(KeyPaper.Write(share)))]));
    }

    [Fact]
    public void APaperMistypedAnywhere_IsRefused()
    {
        const string Letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        var paper = KeyPaper.Write(_key);
        for (var i = "OVDKEY1 ".Length; i < paper.Length; i++)
        {
            if (paper[i] == ' ')
            {
                continue;
            }

            var wrong = Letters[(Letters.IndexOf(paper[i], StringComparison.Ordinal) + 1) % Letters.Length];
            var typed = string.Concat(paper.AsSpan(0, i), [wrong], paper.AsSpan(i + 1));
            // The last letter has bits that carry nothing.
            if (i < paper.Length - 1)
            {
                Assert.Throws<RepositoryException>(() => KeyPaper.ReadKey(typed));
            }
        }

        Assert.Throws<RepositoryException>(() => KeyPaper.ReadKey(paper[..^6]));
        Assert.Throws<RepositoryException>(() => KeyPaper.ReadShare(paper));
    }

    [Fact]
    public void ASecretNeverShowsInText()
    {
        var secret = Convert.ToHexString(_key.Secret);
        Assert.DoesNotContain(secret, _key.ToString(), StringComparison.OrdinalIgnoreCase);
        var (slot, shares) = KeySlots.ForShares(_key, "", 2, 2, Now);
        Assert.DoesNotContain(Convert.ToHexString(shares[0].Part.Span), shares[0].ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(secret, System.Text.Encoding.UTF8.GetString(KeySlotCodec.Write(slot)), StringComparison.OrdinalIgnoreCase);
    }

    private static KeySlot Stored(KeySlot slot) => KeySlotCodec.Read("slot", KeySlotCodec.Write(slot));

    private static void Same(RepositoryKey expected, RepositoryKey actual)
    {
        Assert.Equal(expected.KeySetId, actual.KeySetId);
        Assert.True(expected.Secret.SequenceEqual(actual.Secret));
    }

    private static void Refused(Func<RepositoryKey> open) => Assert.Equal(RepositoryError.KeyRequired, Assert.Throws<RepositoryException>(open).Error);
}
