// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Configuration;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Tests.Worker.Nbd;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Restore;
using OvirtDistributed.Worker.Transports;
using OvirtDistributed.Worker.Transports.ExportDomain;
using Xunit;

namespace OvirtDistributed.Tests.Worker.ExportDomain;

/// <summary>Images in an export domain's directory: real files, real qemu-img and qemu-nbd.</summary>
public sealed class ExportDomainDisksTests : IDisposable
{
    private const int SizeBytes = 8 << 20;
    private const int WrittenAt = 3 << 20;

    private readonly TemporaryDirectory _directory = new();
    private readonly Guid _domain = Guid.NewGuid();

    public ExportDomainDisksTests() => Format("Backup", _domain);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Root => _directory.File($"{_domain:D}");

    [Theory]
    [InlineData("raw", false, "FORMAT=RAW\nGEN=0", "TYPE=PREALLOCATED")]
    [InlineData("qcow2", true, "FORMAT=COW\nGEN=0", "TYPE=SPARSE")]
    public async Task Written_LiesInTheLayoutOfHostsAndReadsBack(string format, bool sparse, string says, string kind)
    {
        var disk = NewDisk(format);
        disk.Sparse = sparse;
        var data = new byte[1 << 20];
        new Random(7).NextBytes(data);
        string? checksum;
        await using (var target = await Disks().CreateAsync(Order(), disk, Token).WithinDeadline())
        {
            Assert.Contains("LEGALITY=ILLEGAL\n", await MetaAsync(disk), StringComparison.Ordinal);
            await target.WriteAsync(WrittenAt, data, Token).WithinDeadline();
            await target.WriteAsync(0, data, Token).WithinDeadline();
            await target.ZeroAsync(0, data.Length, Token).WithinDeadline();
            await target.FlushAsync(Token).WithinDeadline();
            checksum = await target.ChecksumAsync(BlockDigest.Algorithms[0], BlockDigest.BlockBytes, Token).WithinDeadline();
        }

        var meta = await MetaAsync(disk);
        Assert.Contains($"DOMAIN={_domain:D}\n{says}\nIMAGE={disk.DiskId}\nLEGALITY=LEGAL\nMTIME=0\nPUUID=00000000-0000-0000-0000-000000000000\nSIZE={SizeBytes / 512}\n{kind}\nVOLTYPE=LEAF\nEOF\n", meta, StringComparison.Ordinal);
        Assert.InRange(meta.Length, 100, 512);
        Assert.Equal(disk.Ovf, await File.ReadAllTextAsync(OvfOf(disk), Token).WithinDeadline());
        Assert.Equal(2, Directory.EnumerateFiles(Path.GetDirectoryName(VolumeOf(disk))!).Count());
        Assert.NotNull(checksum);
        if (Environment.IsPrivilegedProcess)
        {
            // Fails unless it belongs to the hosts.
            await NbdSite.RunAsync("sh", ["-c", "test \"$(stat -c '%u:%g %a' \"$1\")\" = '36:36 660'", "sh", VolumeOf(disk)]).WithinDeadline();
        }

        await using var source = await Disks().OpenAsync(Order(), disk, Token).WithinDeadline();
        var extents = await source.ListExtentsAsync(changes: false, Token).ToListAsync(Token).AsTask().WithinDeadline();
        Assert.Equal((0L, (long)SizeBytes), (extents[0].Offset, extents[^1].End));
        Assert.All(extents.Zip(extents.Skip(1)), pair => Assert.Equal(pair.First.End, pair.Second.Offset));
        Assert.Equal([new SourceExtent(WrittenAt, data.Length, IsZero: false, IsDirty: true)], extents.Where(extent => !extent.IsZero));
        var read = new byte[data.Length];
        await source.ReadAsync(WrittenAt, read, Token).WithinDeadline();
        Assert.Equal(data, read);
    }

    [Fact]
    public async Task SecondAttempt_BeginsAnewWhateverTheFirstLeft()
    {
        var disk = NewDisk("raw");
        await using (var first = await Disks().CreateAsync(Order(), disk, Token).WithinDeadline())
        {
            await first.WriteAsync(0, new byte[] { 1, 2, 3 }, Token).WithinDeadline();
        }

        await using var second = await Disks().CreateAsync(Order(), disk, Token).WithinDeadline();
        await using var source = await Disks().OpenAsync(Order(), disk, Token).WithinDeadline();

        Assert.True(Assert.Single(await source.ListExtentsAsync(changes: false, Token).ToListAsync(Token).AsTask().WithinDeadline()).IsZero);
    }

    [Fact]
    public async Task NotTheDomainThatIsMeant_IsRefused()
    {
        var disk = NewDisk("raw");
        await FailsAsync(disk, FailureCode.BadOrder, "does not know export domain", new ExportMounts(new Dictionary<string, string> { ["other.example:/x"] = _directory.Path }));
        await FailsAsync(disk, FailureCode.SourceFailed, "does not exist on the worker", Mounts(_directory.File("nothing")));

        Format("Data", _domain);
        await FailsAsync(disk, FailureCode.SourceFailed, "of class 'Data', not an export domain");
        Format("Backup", Guid.NewGuid());
        await FailsAsync(disk, FailureCode.SourceFailed, $"not of {_domain:D}");
        File.Delete(Path.Combine(Root, "dom_md", "metadata"));
        await FailsAsync(disk, FailureCode.SourceFailed, "is its export mounted there?");
    }

    [Fact]
    public async Task WhatLeadsOut_IsRefused()
    {
        var disk = NewDisk("raw");
        disk.DiskId = "../../etc";
        await FailsAsync(disk, FailureCode.BadOrder, "disk_id '../../etc' is no id");

        disk = await WrittenAsync("raw");
        var outside = _directory.File("outside");
        await File.WriteAllBytesAsync(outside, new byte[SizeBytes], Token).WithinDeadline();
        File.Delete(VolumeOf(disk));
        File.CreateSymbolicLink(VolumeOf(disk), outside);
        await FailsAsync(disk, FailureCode.SourceFailed, "is a symbolic link");

        disk = await WrittenAsync("qcow2");
        await NbdSite.RunAsync("qemu-img", ["rebase", "-u", "-F", "raw", "-b", outside, VolumeOf(disk)]);
        await FailsAsync(disk, FailureCode.SourceFailed, "leads to another file (a backing file)");
    }

    [Fact]
    public async Task ExportThatIsNotWholeOrAnotherDisk_IsRefused()
    {
        var disk = await WrittenAsync("raw");
        var order = Order();
        order.DiskSizeBytes += 512;
        var other = await Assert.ThrowsAsync<TaskFailureException>(() => Disks().OpenAsync(order, disk, Token)).WithinDeadline();
        Assert.Contains("they are not the same disk", other.Message, StringComparison.Ordinal);

        File.Delete(OvfOf(disk));
        await FailsAsync(disk, FailureCode.SourceFailed, "the export is not complete, or was deleted");

        disk = await WrittenAsync("raw");
        disk.Format = "qcow2";
        await FailsAsync(disk, FailureCode.SourceFailed, "is no qcow2 image");
    }

    [Fact]
    public async Task NoQemuNbd_SaysWhatToInstall()
    {
        var disk = await WrittenAsync("qcow2");
        var disks = new ExportDomainDisks(Mounts(_directory.Path), new QemuPrograms("no-such-program", "qemu-img"), TimeProvider.System);

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => disks.OpenAsync(Order(), disk, Token)).WithinDeadline();

        Assert.Contains("no-such-program on the worker cannot serve the volume", failure.Message, StringComparison.Ordinal);
        Assert.Contains("qemu-utils", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Mounts_AreReadByIdAndByLocation()
    {
        var id = Guid.NewGuid();
        var settings = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            [$"Worker:ExportDomains:{id}"] = "/mnt/one",
            ["Worker:ExportDomains:nfs.example.com:/export/two"] = "/mnt/two",
            ["Worker:ExportDomains:nonsense"] = "mnt",
        }).Build();

        var mounts = ExportMounts.Read(settings.GetSection("Worker:ExportDomains"));

        Assert.Equal(3, mounts.Names.Count);
        Assert.Equal("/mnt/two", mounts.Find(new ExportDisk { StorageDomainId = $"{Guid.NewGuid()}", Location = "nfs.example.com:/export/two/" }));
        Assert.Equal("/mnt/one", mounts.Find(new ExportDisk { StorageDomainId = $"{id}" }));
        Assert.Equal(2, mounts.Problems("Worker:ExportDomains").Count());
    }

    public void Dispose() => _directory.Dispose();

    private static TaskOrder Order() => new() { DiskId = "disk", DiskSizeBytes = SizeBytes };

    private static async Task<string> MetaAsync(string volume) => await File.ReadAllTextAsync($"{volume}.meta", Token).WithinDeadline();

    private Task<string> MetaAsync(ExportDisk disk) => MetaAsync(VolumeOf(disk));

    private ExportMounts Mounts(string path) => new(new Dictionary<string, string>(StringComparer.Ordinal) { [$"{_domain}"] = path });

    private ExportDomainDisks Disks() => new(Mounts(_directory.Path), new QemuPrograms("qemu-nbd", "qemu-img"), TimeProvider.System);

    private string VolumeOf(ExportDisk disk) => Path.Combine(Root, "images", disk.DiskId, disk.VolumeId);

    private string OvfOf(ExportDisk disk) => Path.Combine(Root, "master", "vms", disk.VmId, $"{disk.VmId}.ovf");

    private void Format(string kind, Guid id)
    {
        _ = Directory.CreateDirectory(Path.Combine(Root, "images"));
        _ = Directory.CreateDirectory(Path.Combine(Root, "master", "vms"));
        _ = Directory.CreateDirectory(Path.Combine(Root, "dom_md"));
        File.WriteAllLines(Path.Combine(Root, "dom_md", "metadata"), [$"CLASS={kind}", "ROLE=Regular", $"SDUUID={id:D}", "VERSION=0"]);
    }

    private ExportDisk NewDisk(string format)
    {
        var (disk, volume) = (Guid.NewGuid(), Guid.NewGuid());
        return new ExportDisk
        {
            StorageDomainId = $"{_domain}",
            VmId = $"{Guid.NewGuid()}",
            DiskId = $"{disk}",
            VolumeId = $"{volume}",
            Format = format,
            Sparse = true,
            Ovf = $"<Envelope>{disk}/{volume}</Envelope>",
        };
    }

    private async Task<ExportDisk> WrittenAsync(string format)
    {
        var disk = NewDisk(format);
        await using var target = await Disks().CreateAsync(Order(), disk, Token).WithinDeadline();
        await target.FlushAsync(Token).WithinDeadline();
        return disk;
    }

    private async Task FailsAsync(ExportDisk disk, FailureCode code, string text, ExportMounts? mounts = null)
    {
        var disks = mounts is null ? Disks() : new ExportDomainDisks(mounts, new QemuPrograms("qemu-nbd", "qemu-img"), TimeProvider.System);
        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => disks.OpenAsync(Order(), disk, Token)).WithinDeadline();
        Assert.Equal(code, failure.Code);
        Assert.Contains(text, failure.Message, StringComparison.Ordinal);
    }
}
