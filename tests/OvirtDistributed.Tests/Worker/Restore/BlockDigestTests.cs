// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Text;
using OvirtDistributed.Worker.Restore;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Restore;

public sealed class BlockDigestTests
{
    /// <summary>Expected values computed with Python's hashlib.blake2b(digest_size=32), which ImageIO uses.</summary>
    [Theory]
    [InlineData("", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8")]
    [InlineData("abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")]
    public void Blake2b_KnownMessages(string message, string expected)
    {
        using var digest = new Blake2b();
        digest.Append(Encoding.ASCII.GetBytes(message));

        Assert.Equal(expected, Finish(digest));
    }

    [Theory]
    [InlineData(128, "c3582f71ebb2be66fa5dd750f80baae97554f3b015663c8be377cfcb2488c1d1")]
    [InlineData(129, "f7f3c46ba2564ff4c4c162da1f5b605f9f1c4aa6a20652a9f9a337c1a2f5b9c9")]
    [InlineData(1000, "c636324d47d89f2b2434dc2c994100663fbbaea880ff020fc5de89dd0f77a1ec")]
    public void Blake2b_AnyPieces_SameDigest(int length, string expected)
    {
        var message = new byte[length];
        for (var i = 0; i < length; i++)
        {
            message[i] = (byte)i;
        }

        using var digest = new Blake2b();
        for (var piece = 1; piece < 300; piece += 37)
        {
            for (var start = 0; start < length; start += piece)
            {
                digest.Append(message.AsSpan(start, Math.Min(piece, length - start)));
            }

            Assert.Equal(expected, Finish(digest));
        }
    }

    [Theory]
    [InlineData("sha256")]
    [InlineData("blake2b")]
    public void ZeroRuns_DigestLikeWrittenZeroes(string algorithm)
    {
        using var written = new BlockDigest(algorithm);
        using var skipped = new BlockDigest(algorithm);
        var data = new byte[3_000_000];
        new Random(7).NextBytes(data);
        var zeroes = new byte[11_000_001];

        written.Add(data);
        written.Add(zeroes);
        written.Add(data);
        skipped.Add(data);
        skipped.AddZeroes(zeroes.Length);
        skipped.Add(data);

        Assert.Equal(written.Finish(), skipped.Finish());
    }

    [Fact]
    public void Sha256_IsTheDigestOfTheBlocksDigests()
    {
        var image = new byte[(2 * BlockDigest.BlockBytes) + 12_345];
        new Random(3).NextBytes(image);
        var blocks = new List<byte>();
        for (var start = 0; start < image.Length; start += BlockDigest.BlockBytes)
        {
            blocks.AddRange(SHA256.HashData(image.AsSpan(start, Math.Min(BlockDigest.BlockBytes, image.Length - start))));
        }

        using var digest = new BlockDigest("sha256");
        digest.Add(image);

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(blocks.ToArray())), digest.Finish());
    }

    private static string Finish(Blake2b digest)
    {
        var result = new byte[digest.DigestBytes];
        digest.Finish(result);
        return Convert.ToHexStringLower(result);
    }
}
