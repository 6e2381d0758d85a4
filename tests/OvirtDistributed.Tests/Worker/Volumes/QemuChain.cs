// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Tests.Worker.Nbd;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Transports;
using OvirtDistributed.Worker.Transports.Volumes;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Volumes;

/// <summary>Layers of one disk as files that qemu made, given out as a manager gives them: one at a time.</summary>
internal sealed class QemuChain : IDisposable
{
    public const string DiskId = "b6d2f7a0-disk";

    private readonly TemporaryDirectory _directory = new();
    private readonly List<(Guid Id, bool IsRaw)> _layers = [];
    private Guid? _open;

    /// <summary>Layers in the order they were opened.</summary>
    public List<Guid> Opened { get; } = [];

    public PipelineOptions Options { get; } = new() { ExtentsInMemory = 7 };

    public Guid Top => _layers[^1].Id;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public string PathOf(Guid layer) => _directory.File(layer.ToString("D"));

    public Guid IdOf(int index) => _layers[index].Id;

    /// <summary>Puts a new layer on top.</summary>
    /// <param name="options">As <c>qemu-img create -o</c>; empty makes a raw file.</param>
    /// <param name="sizeBytes">Of the disk.</param>
    public async Task<Guid> AddAsync(string options, long sizeBytes)
    {
        var id = Guid.NewGuid();
        var size = sizeBytes.ToString(CultureInfo.InvariantCulture);
        if (options.Length == 0)
        {
            await NbdSite.RunAsync("qemu-img", ["create", "-q", "-f", "raw", PathOf(id), size]).WithinDeadline();
        }
        else
        {
            // Names as oVirt writes them, in both ways that are met.
            string[] below = _layers.Count == 0 ? [] : ["-b", _layers.Count % 2 == 0 ? $"../{Path.GetFileName(Path.GetDirectoryName(PathOf(Top)))}/{Top:D}" : $"{Top:D}", "-F", _layers[^1].IsRaw ? "raw" : "qcow2"];
            await NbdSite.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", "-o", options, .. below, PathOf(id), size]).WithinDeadline();
        }

        _layers.Add((id, options.Length == 0));
        return id;
    }

    /// <summary>Has a guest write to the newest layer: commands of qemu-io.</summary>
    public Task WriteAsync(params IEnumerable<string> commands) => NbdSite.RunAsync(
        "qemu-io", ["-d", "unmap", "-f", _layers[^1].IsRaw ? "raw" : "qcow2", .. commands.SelectMany(command => new[] { "-c", command }), PathOf(Top)]).WithinDeadline();

    /// <summary>Rewrites the newest layer, which must be the only one, with compressed clusters.</summary>
    public async Task CompressAsync(string options)
    {
        var packed = PathOf(Top) + ".packed";
        await NbdSite.RunAsync("qemu-img", ["convert", "-c", "-O", "qcow2", "-o", options, "-f", _layers[^1].IsRaw ? "raw" : "qcow2", PathOf(Top), packed]).WithinDeadline();
        File.Move(packed, PathOf(Top), overwrite: true);
        _layers[^1] = (Top, false);
    }

    /// <summary>What the newest layer shows, by qemu's word.</summary>
    public async Task<byte[]> ReferenceAsync(Guid layer)
    {
        var raw = _directory.File("reference");
        await NbdSite.RunAsync("qemu-img", ["convert", "-O", "raw", "-f", _layers.Find(known => known.Id == layer).IsRaw ? "raw" : "qcow2", PathOf(layer), raw]).WithinDeadline();
        return await File.ReadAllBytesAsync(raw, Token).WithinDeadline();
    }

    /// <summary>The disk as the newest layer shows it.</summary>
    public async Task<VolumeSource> OpenWholeAsync(long sizeBytes)
    {
        await using var chain = new VolumeChain((layer, _) => Task.FromResult(Open(layer)), Options, DiskId, sizeBytes);
        return await chain.OpenWholeAsync(Open(Top), Token).WithinDeadline();
    }

    /// <summary>What the newest layer alone holds.</summary>
    public async Task<VolumeSource> OpenChangesAsync(long sizeBytes, Guid parent)
    {
        await using var chain = new VolumeChain((layer, _) => Task.FromResult(Open(layer)), Options, DiskId, sizeBytes);
        return await chain.OpenChangesAsync(Open(Top), parent, Token).WithinDeadline();
    }

    /// <summary>Reads a source from end to end as a backup does: data extents only, onto what the base holds.</summary>
    public static async Task<byte[]> ReadAsync(VolumeSource source, ReadOnlyMemory<byte> onto, bool changes)
    {
        var result = new byte[source.SizeBytes];
        onto.CopyTo(result);
        var position = 0L;
        await foreach (var extent in source.ListExtentsAsync(changes, Token))
        {
            Assert.Equal(position, extent.Offset);
            position = extent.End;
            var part = result.AsMemory((int)extent.Offset, (int)extent.Length);
            if (changes && !extent.IsDirty)
            {
                continue;
            }

            part.Span.Clear();
            if (!extent.IsZero)
            {
                await source.ReadAsync(extent.Offset, part, Token).WithinDeadline();
            }
        }

        Assert.Equal(source.SizeBytes, position);
        return result;
    }

    public void Dispose()
    {
        Assert.Null(_open);
        _directory.Dispose();
    }

    private OpenedVolume Open(Guid layer)
    {
        Assert.Null(_open);
        if (!_layers.Exists(known => known.Id == layer))
        {
            throw new TaskFailureException(FailureCode.SourceFailed, $"There is no layer {layer}.");
        }

        _open = layer;
        Opened.Add(layer);
        return new OpenedVolume(layer, _layers.Find(known => known.Id == layer).IsRaw, new LocalVolume(PathOf(layer), () => _open = null), "direct");
    }

    private sealed class LocalVolume(string path, Action closed) : IVolumeFile
    {
        private readonly FileStream _file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);

        public long SizeBytes => _file.Length;

        public int Connections => 1;

        public async Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
        {
            Assert.InRange(offset + destination.Length, 0, SizeBytes);
            while (destination.Length > 0)
            {
                var read = await RandomAccess.ReadAsync(_file.SafeFileHandle, destination, offset, cancellationToken);
                Assert.NotEqual(0, read);
                destination = destination[read..];
                offset += read;
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _file.DisposeAsync();
            closed();
        }
    }
}
