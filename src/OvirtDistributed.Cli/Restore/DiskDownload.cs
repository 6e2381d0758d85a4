// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.Cli.Restore;

/// <summary>
/// Writes the image of a disk, from its restore point and, where that cannot be read, from copies of it: every place proves what it gives by its own
/// root, and this proves that every byte came.
/// </summary>
/// <param name="places">Where the disk can be read, in the order of preference; at least one.</param>
/// <param name="view">Shows it.</param>
internal sealed class DiskDownload(IReadOnlyList<DiskPlaceReader> places, IDownloadView view)
{
    // Of a long range nothing may come from a place that lacks a piece of it, where the pieces around it would. The shortest is in one or two chunks.
    private static readonly long[] Spans = [256L << 20, 1L << 20, 4096];

    private readonly List<DiskPlaceReader> _order = [.. places];
    private readonly List<string> _notes = [];

    public async Task<DownloadResult> RunAsync(ImageTarget target, CancellationToken cancellationToken)
    {
        var root = await FindRootAsync(cancellationToken);
        using var image = SparseImage.Create(target, root.DiskSize);
        long position = 0;
        long data = 0;
        await view.RunAsync(
            root.DiskSize,
            async report =>
            {
                while (position < root.DiskSize)
                {
                    position = await ReadOnAsync(position, root.DiskSize, WriteAsync, cancellationToken);
                }

                async Task WriteAsync(ImageExtent extent, CancellationToken token)
                {
                    if (!extent.IsZero)
                    {
                        await image.WriteAsync(extent.Offset, extent.Data, token);
                        data += extent.Length;
                    }

                    report(extent.Offset + extent.Length, data);
                }
            });
        image.Publish();
        return new DownloadResult(root.DiskSize, data, root.Digest.ToString(), [.. places.Where(place => place.DataBytes > 0).Select(place => (place.Name, place.DataBytes))], _notes);
    }

    /// <summary>The root of the first place that answers.</summary>
    private async Task<DiskRoot> FindRootAsync(CancellationToken cancellationToken)
    {
        foreach (var place in places)
        {
            if (await place.FindRootAsync(cancellationToken) is { } root)
            {
                return root;
            }

            Note(place, 0);
        }

        throw NobodyHas(0);
    }

    /// <summary>Reads at least the next byte, from the first place that has it.</summary>
    /// <returns>Up to where the image is written now.</returns>
    private async Task<long> ReadOnAsync(long position, long size, Func<ImageExtent, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        foreach (var span in Spans)
        {
            var range = new DiskRange(position, Math.Min(span, size - position));
            foreach (var place in _order.Where(place => span == Spans[0] || !place.IsGone).ToList())
            {
                var reached = await ReadAsync(place, range, size, write, cancellationToken);
                if (reached > position)
                {
                    return reached;
                }
            }

            if (_order.Count == 1)
            {
                break;
            }
        }

        throw NobodyHas(position);
    }

    private async Task<long> ReadAsync(DiskPlaceReader place, DiskRange range, long size, Func<ImageExtent, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        if (await place.FindRootAsync(cancellationToken) is { } root && root.DiskSize != size)
        {
            throw CliException.Damaged($"The disk has {size} bytes, but {root.DiskSize} in repository {place.Name}: one of them is not what the backup server thinks it is.");
        }

        var reached = place.Failure is null ? await place.ReadAsync(range, write, cancellationToken) : range.Offset;
        if (place.Failure is not null)
        {
            Note(place, reached);
        }

        return reached;
    }

    /// <summary>Remembers a failure for the report. A place that is gone is asked last from now on: each time it would be waited for.</summary>
    private void Note(DiskPlaceReader place, long position)
    {
        var note = place.IsGone ? $"Repository {place.Name} could not be read: {place.Problem}" : $"Repository {place.Name} at byte {position}: {place.Problem}";
        if (!_notes.Contains(note))
        {
            _notes.Add(note);
        }

        if (place.IsGone)
        {
            _order.Remove(place);
            _order.Add(place);
        }
    }

    private CliException NobodyHas(long position)
    {
        if (places.Count == 1 && places[0].IsGone)
        {
            places[0].Throw();
        }

        if (places.Count == 1)
        {
            return CliException.Damaged(
                $"The disk cannot be read at byte {position} in repository {places[0].Name}: {places[0].Problem.TrimEnd('.')}. No copy of the restore point is known. "
                + "ovd point verify POINT says which other ranges are hurt; another restore point of the VM may be whole.");
        }

        var whole = places.All(place => place.IsGone);
        var exit = whole ? ExitCode.Unavailable : ExitCode.DataDamaged;
        var each = string.Join(' ', places.Select(place => $"Repository {place.Name}: {place.Problem}"));
        return new CliException(exit, whole ? "unavailable" : "data_damaged", $"The disk cannot be read at byte {position}, neither from its restore point nor from a copy. {each}");
    }
}
