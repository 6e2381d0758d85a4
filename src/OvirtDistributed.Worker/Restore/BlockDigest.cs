// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;

namespace OvirtDistributed.Worker.Restore;

/// <summary>
/// The digest ImageIO computes of an image, from its bytes in order: the image is cut into blocks (the last may be short), each is digested,
/// and the concatenated digests are digested again (ovirt-imageio, docs/checksum.md). Whole blocks of zeroes are digested only once.
/// </summary>
internal sealed class BlockDigest : IDisposable
{
    /// <summary>ImageIO's own default.</summary>
    public const int BlockBytes = 4 << 20;

    private static readonly byte[] Zeroes = new byte[64 << 10];

    private readonly IStreamDigest _block;
    private readonly IStreamDigest _image;
    private readonly byte[] _digest;
    private byte[]? _zeroBlock;
    private int _inBlock;

    public BlockDigest(string algorithm)
    {
        Algorithm = algorithm;
        _block = Create(algorithm);
        _image = Create(algorithm);
        _digest = new byte[_block.DigestBytes];
    }

    /// <summary>The algorithms this can compute, best first; by the names ImageIO uses.</summary>
    public static IReadOnlyList<string> Algorithms { get; } = ["sha256", "blake2b"];

    public string Algorithm { get; }

    public void Add(ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            var part = data[..Math.Min(data.Length, BlockBytes - _inBlock)];
            _block.Append(part);
            Advance(part.Length);
            data = data[part.Length..];
        }
    }

    public void AddZeroes(long length)
    {
        while (length > 0)
        {
            if (_inBlock == 0 && length >= BlockBytes)
            {
                _zeroBlock ??= DigestZeroBlock();
                _image.Append(_zeroBlock);
                length -= BlockBytes;
                continue;
            }

            var part = (int)Math.Min(Math.Min(length, BlockBytes - _inBlock), Zeroes.Length);
            _block.Append(Zeroes.AsSpan(0, part));
            Advance(part);
            length -= part;
        }
    }

    /// <summary>The digest in lower-case hexadecimal. Nothing can be added afterwards.</summary>
    public string Finish()
    {
        if (_inBlock > 0)
        {
            Advance(0, endsBlock: true);
        }

        _image.Finish(_digest);
        return Convert.ToHexStringLower(_digest);
    }

    public void Dispose()
    {
        _block.Dispose();
        _image.Dispose();
    }

    private static IStreamDigest Create(string algorithm) => algorithm switch
    {
        "sha256" => new BclDigest(HashAlgorithmName.SHA256, 32),
        "blake2b" => new Blake2b(),
        _ => throw new ArgumentException($"'{algorithm}' is not one of {string.Join(", ", Algorithms)}.", nameof(algorithm)),
    };

    private byte[] DigestZeroBlock()
    {
        using var digest = Create(Algorithm);
        for (var done = 0; done < BlockBytes; done += Zeroes.Length)
        {
            digest.Append(Zeroes);
        }

        var result = new byte[digest.DigestBytes];
        digest.Finish(result);
        return result;
    }

    private void Advance(int length, bool endsBlock = false)
    {
        _inBlock += length;
        if (_inBlock == BlockBytes || endsBlock)
        {
            _block.Finish(_digest);
            _image.Append(_digest);
            _inBlock = 0;
        }
    }

    private sealed class BclDigest(HashAlgorithmName algorithm, int digestBytes) : IStreamDigest
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(algorithm);

        public int DigestBytes => digestBytes;

        public void Append(ReadOnlySpan<byte> data) => _hash.AppendData(data);

        public void Finish(Span<byte> digest) => _hash.GetHashAndReset(digest);

        public void Dispose() => _hash.Dispose();
    }
}
