// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Snapshots;
using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Ovirt.Trust;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Devices;

/// <summary>
/// A simulator with a running VM "source" of one disk and two running VMs, "worker1" and "worker2", that this machine sees from inside. It takes FUSE and
/// loop devices: without them the tests fail, with a message that says so.
/// </summary>
internal sealed class DeviceSite : IAsyncDisposable
{
    public const int DiskBytes = 8 << 20;

    private readonly TemporaryDirectory _directory;
    private readonly SimulatorHost _host;

    private DeviceSite(SimulatorOptions options, SimulatorHost host, TemporaryDirectory directory)
    {
        _host = host;
        _directory = directory;
        Client = new OvirtEngineClientFactory(TimeProvider.System, NullLoggerFactory.Instance).Create(new EngineConnection
        {
            ApiUrl = host.ApiUrl,
            User = options.User,
            Password = new Secret(options.Password),
            Trust = TlsTrust.Pinned(host.CaPem),
            Timeouts = new EngineTimeouts { PollInterval = TimeSpan.FromMilliseconds(25) },
        });
    }

    public SimulatorEngine Engine => _host.Engine;

    public OvirtEngineClient Client { get; }

    public VmId Source { get; private set; }

    public DiskId SourceDisk { get; private set; }

    public VmId Worker1 { get; private set; }

    public VmId Worker2 { get; private set; }

    private static CancellationToken None => CancellationToken.None;

    public static async Task<DeviceSite> StartAsync(int serialLength = 36)
    {
        var directory = new TemporaryDirectory();
        var options = new SimulatorOptions { DataDirectory = directory.File("sim"), DeviceSerialLength = serialLength };
        var model = new SimulatorModel
        {
            DataCenters = [DataCenterModel.Simple("Default", "Main", [Running("source", DiskBytes), Running("worker1", 1 << 20), Running("worker2", 1 << 20)], hosts: 1)],
        };
        var site = new DeviceSite(options, await SimulatorHost.StartAsync(options, model, None).WithinDeadline(), directory);
        var vms = await site.Engine.VmsAsync(None).WithinDeadline();
        SimulatedVm Named(string name) => vms.Single(vm => vm.Name == name);
        (site.Source, site.Worker1, site.Worker2) = (new VmId(Named("source").Id), new VmId(Named("worker1").Id), new VmId(Named("worker2").Id));
        site.SourceDisk = new DiskId(Named("source").DiskIds[0]);
        try
        {
            await site.Engine.ShowDevicesAsync(site.Worker1.Value, site.DirectoryOf(site.Worker1), None).WithinDeadline();
            await site.Engine.ShowDevicesAsync(site.Worker2.Value, site.DirectoryOf(site.Worker2), None).WithinDeadline();
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>The link to a disk in a worker, whether it is there or not.</summary>
    public string Link(VmId worker, DiskId disk, int serialLength = 36, string prefix = "scsi-0QEMU_QEMU_HARDDISK_") =>
        Path.Combine(DirectoryOf(worker), prefix + disk.Value.ToString()[..serialLength]);

    public async Task<SnapshotId> SnapshotAsync()
    {
        var made = await Client.Snapshots.CreateAsync(Source, new CreateSnapshot { Description = "shown", Disks = [SourceDisk] }, CorrelationId.New(), None).WithinDeadline();
        await Client.Snapshots.WaitUntilOkAsync(Source, made.Id, None).WithinDeadline();
        return made.Id;
    }

    public async Task DeleteSnapshotAsync(SnapshotId snapshot)
    {
        await Client.Snapshots.DeleteAsync(Source, snapshot, CorrelationId.New(), None).WithinDeadline();
        await Client.Snapshots.WaitUntilGoneAsync(Source, snapshot, None).WithinDeadline();
    }

    public Task AttachAsync(VmId worker, SnapshotId snapshot, bool readOnly = false) =>
        Client.Vms.AttachSnapshotDiskAsync(worker, SourceDisk, snapshot, readOnly, CorrelationId.New(), None).WithinDeadline();

    public Task ReleaseAsync(VmId worker, DiskId disk) => Client.Vms.ReleaseDiskAsync(worker, disk, CorrelationId.New(), None).WithinDeadline();

    /// <summary>A new empty disk that no VM has.</summary>
    public async Task<DiskId> NewDiskAsync(DiskFormat format)
    {
        var domain = await Client.Inventory.ListStorageDomainsAsync(EngineSearch.Equal("name", "nfs1"), None).FirstAsync(None).AsTask().WithinDeadline();
        var made = await Client.Disks.CreateAsync(
            new CreateDisk
            {
                Name = "target",
                ProvisionedSizeBytes = DiskBytes,
                Configuration = new DiskConfiguration(format, Sparse: true, IncrementalBackup: false),
                StorageDomain = domain.Id,
            },
            CorrelationId.New(),
            None).WithinDeadline();
        await Client.Disks.WaitUntilOkAsync(made.Id, None).WithinDeadline();
        return made.Id;
    }

    /// <summary>What a guest reads on the disk now.</summary>
    public async Task<byte[]> ReferenceAsync(DiskId disk)
    {
        var file = _directory.File(Guid.NewGuid().ToString());
        await Engine.SaveReferenceAsync(disk.Value, file, None).WithinDeadline();
        return await File.ReadAllBytesAsync(file, None);
    }

    public static byte[] Read(string device, int length = DiskBytes)
    {
        using var handle = File.OpenHandle(device, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var content = new byte[length];
        var done = 0;
        while (RandomAccess.Read(handle, content.AsSpan(done), done) is var count and > 0)
        {
            done += count;
        }

        Assert.Equal(length, done);
        return content;
    }

    /// <summary>Writes without a flush of its own: unplugging has to see to it.</summary>
    public static void Write(string device, long offset, byte[] data)
    {
        using var handle = File.OpenHandle(device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        RandomAccess.Write(handle, data, offset);
    }

    /// <summary>Size, size of a sector, and whether it can be read only: of the device that a link leads to.</summary>
    public static (long Bytes, long SectorBytes, bool ReadOnly) Geometry(string link)
    {
        var name = Path.GetFileName(new FileInfo(link).LinkTarget!);
        long Number(string file) => long.Parse(File.ReadAllText($"/sys/class/block/{name}/{file}").Trim(), System.Globalization.CultureInfo.InvariantCulture);
        return (Number("size") * 512, Number("queue/logical_block_size"), Number("ro") != 0);
    }

    public Task AssertNothingShownAsync() => AssertNothingLeftAsync(_directory.File("sim"), own: 2);

    public async Task AssertCleanAsync()
    {
        await AssertNothingShownAsync();
        Assert.Empty((await Engine.LeftoversAsync(None).WithinDeadline()).All);
    }

    /// <summary>Expects only the devices of the workers' own disks, in every place where one leaves a trace.</summary>
    public static async Task AssertNothingLeftAsync(string directory, int own)
    {
        await Deadline.UntilAsync(() => Task.FromResult(Loops(directory).Count == own), $"{own} loop devices over files in {directory}");
        Assert.Equal(own, File.ReadLines("/proc/self/mountinfo").Count(line => line.Contains(directory + "/", StringComparison.Ordinal)));
        var run = Path.Combine(directory, "run");
        Assert.Equal(own, Directory.Exists(run) ? Directory.EnumerateFiles(run, "d*.raw").Count() : 0);
        Assert.Empty(Directory.Exists(run) ? Directory.EnumerateFiles(run, "o*") : []);
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await _host.DisposeAsync();
        await AssertNothingLeftAsync(_directory.File("sim"), own: 0);
        _directory.Dispose();
    }

    private static List<string> Loops(string directory) =>
    [
        .. Directory.EnumerateDirectories("/sys/block", "loop*")
            .Select(block => Path.Combine(block, "loop/backing_file"))
            .Where(File.Exists)
            .Where(file => ReadOrNothing(file).StartsWith(directory + "/", StringComparison.Ordinal)),
    ];

    // Devices of other tests come and go.
    private static string ReadOrNothing(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static VmModel Running(string name, long sizeBytes) => new(name, [new DiskModel(sizeBytes, "nfs1", Incremental: true)]) { Running = true };

    private string DirectoryOf(VmId worker) => _directory.File($"devices/{worker}");
}
