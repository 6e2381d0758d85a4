// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.Cli.Restore;

/// <summary>Reads a disk from its root and writes the image. The reader proves every byte; this proves that every byte came.</summary>
internal sealed class DiskDownload(MoverReadSession session, ContentKeys keys, IDownloadView view)
{
    public async Task<DownloadResult> RunAsync(ImageTarget target, CancellationToken cancellationToken)
    {
        await using var source = new MoverFrameSource(session);
        var root = session.Root;
        using var image = SparseImage.Create(target, root.DiskSize);
        var reader = new DiskImageReader(root, source, keys, new DiskImageReaderOptions());
        long position = 0;
        long data = 0;
        await view.RunAsync(
            root.DiskSize,
            async report =>
            {
                await foreach (var extent in reader.ReadAsync(new DiskRange(0, root.DiskSize), cancellationToken).WithCancellation(cancellationToken))
                {
                    using (extent)
                    {
                        if (extent.Offset != position)
                        {
                            throw CliException.Damaged($"The image has a gap at byte {position}: the next range starts at {extent.Offset}.");
                        }

                        if (!extent.IsZero)
                        {
                            await image.WriteAsync(extent.Offset, extent.Data, cancellationToken);
                            data += extent.Length;
                        }

                        position += extent.Length;
                    }

                    report(position, data);
                }
            });

        if (position != root.DiskSize)
        {
            throw CliException.Damaged($"The image ended at byte {position} of {root.DiskSize}.");
        }

        image.Publish();
        return new DownloadResult(root.DiskSize, data, root.Digest.ToString());
    }
}
