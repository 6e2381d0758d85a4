// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Tests.Worker.Nbd;
using OvirtDistributed.Worker.Transports.Nbd;
using OvirtDistributed.Worker.Transports.Ssh;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Ssh;

/// <summary>
/// What runs on a host, here without SSH around it. Its lvchange is a recorder that links a loop device instead of activating a logical volume; qemu-nbd and
/// the block devices are real.
/// </summary>
public sealed class HostScriptTests : IAsyncDisposable
{
    private readonly NbdSite _site = new();
    private readonly string _group = Guid.NewGuid().ToString();
    private readonly string _lower = Guid.NewGuid().ToString();
    private readonly string _upper = Guid.NewGuid().ToString();
    private readonly List<string> _devices = [];

    [Fact]
    public async Task InactiveVolumes_AreActivatedAndDeactivatedWhenTheInputEnds()
    {
        await PrepareVolumesAsync();
        using var host = Start();
        Assert.Equal("ready", await host.StandardOutput.ReadLineAsync(NbdSite.Token).AsTask().WithinDeadline());
        Assert.Equal([$"-ay {_group}/{_upper}", $"-ay {_group}/{_lower}"], Recorded());
        var data = new byte[4096];
        await using (var client = await NbdClient.ConnectAsync(Path.Combine(Folder, "nbd"), NbdSite.Token).WithinDeadline())
        {
            Assert.True(client.ReadOnly);
            await client.ReadAsync(0, data, NbdSite.Token).AsTask().WithinDeadline();
        }

        Assert.Equal(7, data[0]);
        await EndAsync(host, 0);
        Assert.Equal([$"-an {_group}/{_lower}", $"-an {_group}/{_upper}"], Recorded().TakeLast(2));
        Assert.Empty(Directory.EnumerateFileSystemEntries(GroupFolder));
    }

    [Fact]
    public async Task ActiveVolumes_StayAsTheyAre()
    {
        await PrepareVolumesAsync();
        Activate(_lower);
        Activate(_upper);
        using var host = Start();
        Assert.Equal("ready", await host.StandardOutput.ReadLineAsync(NbdSite.Token).AsTask().WithinDeadline());
        await EndAsync(host, 0);

        Assert.Empty(Recorded());
        Assert.Equal(2, Directory.EnumerateFileSystemEntries(GroupFolder).Count());
    }

    [Fact]
    public async Task VolumeThatCannotBeServed_EndsAtOnceAndLeavesNothing()
    {
        await PrepareVolumesAsync();
        await NbdSite.RunAsync("dd", ["if=/dev/zero", $"of={_site.File(_upper)}", "bs=64k", "count=1", "conv=notrunc"]);
        using var host = Start();

        Assert.Null(await host.StandardOutput.ReadLineAsync(NbdSite.Token).AsTask().WithinDeadline());
        var errors = await host.StandardError.ReadToEndAsync(NbdSite.Token).WithinDeadline();
        await EndAsync(host, 1);
        Assert.Contains("not in qcow2 format", errors, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(GroupFolder));
    }

    [Fact]
    public async Task Killed_WithTermItEndsQemuNbdToo()
    {
        await PrepareVolumesAsync();
        using var host = Start();
        Assert.Equal("ready", await host.StandardOutput.ReadLineAsync(NbdSite.Token).AsTask().WithinDeadline());
        await NbdSite.RunAsync("kill", ["-TERM", $"{host.Id}"]);

        // The shell hears a signal when the command it waits for has ended, which the end of the input brings about.
        await EndAsync(host, 1);
        Assert.Empty(Directory.EnumerateFileSystemEntries(GroupFolder));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var device in _devices)
        {
            await NbdSite.RunAsync("losetup", ["--detach", device]);
        }

        await _site.DisposeAsync();
    }

    private string Folder => _site.File("ovd-socket");

    private string Groups => _site.File("dev");

    private string GroupFolder => Path.Combine(Groups, _group);

    private string Record => _site.File("lvchange.calls");

    /// <summary>Two layers on loop devices, and a lvchange that knows them.</summary>
    private async Task PrepareVolumesAsync()
    {
        Directory.CreateDirectory(GroupFolder);
        var lower = await _site.CreateAsync(_lower, "4M");
        await NbdSite.IoAsync(lower, "write -P 7 0 64k");
        _ = await _site.CreateAsync(_upper, "4M", lower);
        foreach (var volume in new[] { _lower, _upper })
        {
            await NbdSite.RunAsync("truncate", ["-s", "8M", _site.File(volume)]);
            _devices.Add(await AttachAsync(_site.File(volume), $"{_site.File(volume)}.loop"));
        }

        var tools = Directory.CreateDirectory(_site.File("bin")).FullName;
        var lvchange = Path.Combine(tools, "lvchange");
        await File.WriteAllTextAsync(
            lvchange,
            $$"""
            #!/bin/sh
            [ "$1" = --config ] || exit 9
            shift 2
            echo "$*" >> '{{Record}}'
            name=${2#*/}
            case $1 in
              -ay) ln -s "$(cat '{{_site.Directory}}'/"$name".loop)" '{{GroupFolder}}'/"$name" ;;
              -an) rm '{{GroupFolder}}'/"$name" ;;
              *) exit 9 ;;
            esac

            """,
            NbdSite.Token);
        File.SetUnixFileMode(lvchange, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static async Task<string> AttachAsync(string file, string nameFile)
    {
        await NbdSite.RunAsync("sh", ["-c", $"losetup --find --show '{file}' > '{nameFile}'"]);
        return (await File.ReadAllTextAsync(nameFile, NbdSite.Token)).Trim();
    }

    private void Activate(string volume) => File.CreateSymbolicLink(Path.Combine(GroupFolder, volume), File.ReadAllText($"{_site.File(volume)}.loop").Trim());

    private Process Start()
    {
        var image = HostImage.Of(
            new SshDisk
            {
                StorageRoot = "/nowhere",
                Chain =
                {
                    new[] { _upper, _lower }.Select(volume => new SshVolume
                    {
                        DataCenterId = Guid.NewGuid().ToString(), StorageDomainId = _group, DiskId = Guid.NewGuid().ToString(), VolumeId = volume, Format = "qcow2", LogicalVolume = true,
                    }),
                },
            },
            Groups);
        var command = HostScript.CommandLine(sudo: false, [Folder, "4", "read", image.VolumeGroupFolder, image.TopPath, image.Description, .. image.LogicalVolumes]);
        var start = new ProcessStartInfo("/bin/sh", ["-c", command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["PATH"] = $"{_site.File("bin")}:{Environment.GetEnvironmentVariable("PATH")}";
        return Process.Start(start)!;
    }

    private async Task EndAsync(Process host, int expected)
    {
        host.StandardInput.Close();
        await host.WaitForExitAsync(NbdSite.Token).WithinDeadline();
        Assert.Equal(expected, host.ExitCode);
        Assert.False(Directory.Exists(Folder), "the socket's folder is still there");
        Assert.DoesNotContain(Directory.EnumerateDirectories("/proc"), folder => CommandLineOf(folder).Contains($"--socket={Folder}/nbd", StringComparison.Ordinal));
    }

    private string[] Recorded() => File.Exists(Record) ? File.ReadAllLines(Record) : [];

    private static string CommandLineOf(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "cmdline"));
        }
        catch (IOException)
        {
            return "";
        }
    }
}
