// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Security.Cryptography;
using OvirtDistributed.Simulator.ImageIo.Backends;

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>
/// ImageIO's checksum: the image is split into blocks, each block is digested, and the checksum is the digest of the digests.
/// A block of zeroes uses the digest of that many zero bytes, so holes need not be read.
/// </summary>
internal static class ImageChecksum
{
    public const string DefaultAlgorithm = "blake2b";
    public const int DefaultBlockBytes = 4 << 20;
    private const int LeastBlockBytes = 1 << 20;
    private const int MostBlockBytes = 16 << 20;

    private static readonly Dictionary<string, HashAlgorithmName> Names = new(StringComparer.Ordinal)
    {
        ["md5"] = HashAlgorithmName.MD5,
        ["sha1"] = HashAlgorithmName.SHA1,
        ["sha256"] = HashAlgorithmName.SHA256,
        ["sha384"] = HashAlgorithmName.SHA384,
        ["sha512"] = HashAlgorithmName.SHA512,
    };

    public static IReadOnlyList<string> Algorithms { get; } = [DefaultAlgorithm, .. Names.Keys.Order(StringComparer.Ordinal)];

    /// <exception cref="ImageIoRefusal">The algorithm or block size is not supported.</exception>
    public static void Validate(string algorithm, string? blockSize, out int blockBytes)
    {
        if (!Algorithms.Contains(algorithm, StringComparer.Ordinal))
        {
            throw ImageIoRefusal.BadRequest(
                $"Unsupported value '{algorithm}' for 'algorithm', expecting one of [{string.Join(", ", Algorithms.Select(name => $"'{name}'"))}]");
        }

        blockBytes = DefaultBlockBytes;
        if (blockSize is not null && !int.TryParse(blockSize, out blockBytes))
        {
            throw ImageIoRefusal.BadRequest($"Invalid block size: '{blockSize}'");
        }

        if (blockBytes is < LeastBlockBytes or > MostBlockBytes)
        {
            throw ImageIoRefusal.BadRequest($"Block size out of allowed range: {LeastBlockBytes}-{MostBlockBytes}");
        }

        if (blockBytes % 4096 != 0)
        {
            throw ImageIoRefusal.BadRequest("Block size is not aligned to 4096");
        }
    }

    public static async Task<string> ComputeAsync(IImageBackend backend, string algorithm, int blockBytes, CancellationToken cancellationToken)
    {
        var zeroRanges = await ZeroRangesAsync(backend, cancellationToken);
        var outer = Digester.Create(algorithm);
        var buffer = ArrayPool<byte>.Shared.Rent(blockBytes);
        try
        {
            var zeroDigest = Digester.Of(algorithm, new byte[blockBytes]);
            var next = 0;
            for (long at = 0; at < backend.SizeBytes; at += blockBytes)
            {
                var block = buffer.AsMemory(0, (int)Math.Min(blockBytes, backend.SizeBytes - at));
                while (next < zeroRanges.Count && zeroRanges[next].End <= at)
                {
                    next++;
                }

                var isZero = next < zeroRanges.Count && zeroRanges[next].Start <= at && zeroRanges[next].End >= at + block.Length;
                if (isZero && block.Length == blockBytes)
                {
                    outer.Append(zeroDigest);
                    continue;
                }

                await backend.ReadAsync(at, block, cancellationToken);
                outer.Append(Digester.Of(algorithm, block.Span));
            }

            return Convert.ToHexStringLower(outer.Finish());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static async Task<List<(long Start, long End)>> ZeroRangesAsync(IImageBackend backend, CancellationToken cancellationToken)
    {
        var ranges = new List<(long Start, long End)>();
        await foreach (var extent in backend.ExtentsAsync(dirty: false, cancellationToken))
        {
            if (!extent.Zero)
            {
                continue;
            }

            if (ranges.Count > 0 && ranges[^1].End == extent.Start)
            {
                ranges[^1] = (ranges[^1].Start, extent.Start + extent.Length);
            }
            else
            {
                ranges.Add((extent.Start, extent.Start + extent.Length));
            }
        }

        return ranges;
    }

    /// <summary>One way to use both .NET's hashes and BLAKE2b.</summary>
    private sealed class Digester
    {
        private readonly IncrementalHash? _hash;
        private readonly Blake2b? _blake;

        private Digester(string algorithm)
        {
            if (Names.TryGetValue(algorithm, out var name))
            {
                _hash = IncrementalHash.CreateHash(name);
            }
            else
            {
                _blake = new Blake2b();
            }
        }

        public static Digester Create(string algorithm) => new(algorithm);

        public static byte[] Of(string algorithm, ReadOnlySpan<byte> data)
        {
            var digester = new Digester(algorithm);
            digester.Append(data);
            return digester.Finish();
        }

        public void Append(ReadOnlySpan<byte> data)
        {
            _hash?.AppendData(data);
            _blake?.Append(data);
        }

        public byte[] Finish()
        {
            if (_hash is null)
            {
                return _blake!.Finish();
            }

            using (_hash)
            {
                return _hash.GetHashAndReset();
            }
        }
    }
}
