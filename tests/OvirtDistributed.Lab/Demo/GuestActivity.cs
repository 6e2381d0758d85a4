// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Lab.Sites;

namespace OvirtDistributed.Lab.Demo;

/// <summary>What the guest does with its disk: writes of 64 KiB at seeded places, and a discard.</summary>
internal sealed class GuestActivity(LabSite site, int seed)
{
    private const int BlockBytes = 64 << 10;

    private readonly Random _random = new(seed);

    /// <summary>Writes <paramref name="blocks"/> blocks of new content; answers the bytes written.</summary>
    public async Task<long> WriteAsync(Guid diskId, long diskBytes, int blocks, CancellationToken cancellationToken)
    {
        var content = new byte[BlockBytes];
        for (var block = 0; block < blocks; block++)
        {
            // Half of each block compresses well, as real data does.
            _random.NextBytes(content.AsSpan(0, BlockBytes / 2));
            var offset = _random.NextInt64(diskBytes / BlockBytes) * BlockBytes;
            await site.Simulator.Engine.GuestWriteAsync(diskId, offset, content, cancellationToken);
        }

        return (long)blocks * BlockBytes;
    }

    /// <summary>Discards the first sixteenth of the disk, as a deleted file would; answers the bytes discarded.</summary>
    public async Task<long> TrimAsync(Guid diskId, long diskBytes, CancellationToken cancellationToken)
    {
        var length = diskBytes / 16 / BlockBytes * BlockBytes;
        await site.Simulator.Engine.GuestTrimAsync(diskId, 0, length, cancellationToken);
        return length;
    }
}
