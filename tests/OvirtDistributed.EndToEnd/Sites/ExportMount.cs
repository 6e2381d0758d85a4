// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.EndToEnd.Sites;

/// <summary>An export domain that the workers have mounted, as an operator would set it up: where hosts have it, a data center's sub-directory of an NFS export.</summary>
public sealed class ExportMount : IDisposable
{
    public const string DomainName = "export1";

    private const string Location = "nfs.example.com:/export/backup/Default";
    private const int SlowBytesPerSecond = 16 << 20;

    private readonly string _directory = Directory.CreateTempSubdirectory("ovd-mount-").FullName;

    private string Mount => Path.Combine(_directory, "export");

    private string SlowMark => Path.Combine(_directory, "slow");

    private string Server => Path.Combine(_directory, "qemu-nbd");

    /// <summary>Of one cluster, with an export domain.</summary>
    public static SimulatorModel Model(params VmModel[] vms)
    {
        var model = Models.OneCluster(vms);
        var dataCenter = model.DataCenters[0];
        return model with { DataCenters = [dataCenter with { Domains = [.. dataCenter.Domains, new DomainModel(DomainName, "nfs") { Type = "export" }] }] };
    }

    /// <summary>Tells every worker of the mount.</summary>
    public LabOptions Tell(LabOptions options)
    {
        WriteServer();
        return options with
        {
            WorkerSettings = new Dictionary<string, string>(options.WorkerSettings, StringComparer.Ordinal)
            {
                [$"Worker:ExportDomains:{Location}"] = Mount,
                ["Worker:QemuNbd"] = Server,
            },
        };
    }

    /// <summary>Mounts it.</summary>
    public async Task AttachAsync(TestSite site) =>
        _ = Directory.CreateSymbolicLink(Mount, await site.Engine.ExportPathAsync(DomainName, CancellationToken.None).WithinDeadline());

    /// <summary>What is read from now on is so slow that there is a middle.</summary>
    public void SlowDown() => File.WriteAllText(SlowMark, "");

    public void SpeedUp() => File.Delete(SlowMark);

    /// <summary>Processes that serve images of this mount.</summary>
    public IReadOnlyList<string> Servers() => [.. Directory.EnumerateDirectories("/proc").Where(folder => Path.GetFileName(folder).All(char.IsAsciiDigit) && CommandLineOf(folder) is var command
        && command.Contains("\0--socket=", StringComparison.Ordinal) && command.Contains(Mount, StringComparison.Ordinal) && !command.Contains("-c\0", StringComparison.Ordinal))];

    /// <summary>Expects that no process of ours is left, and nothing in the export domain.</summary>
    public async Task HoldsNothingAsync(TestSite site)
    {
        IReadOnlyList<string> left = [];
        await Deadline.UntilAsync(
            async () =>
            {
                left = [.. await site.Engine.ExportContentsAsync(DomainName, CancellationToken.None), .. Servers()];
                return left.Count == 0;
            },
            "nothing left in the export domain",
            TimeSpan.FromSeconds(30));
        Assert.DoesNotContain(await site.Engine.VmsAsync(CancellationToken.None), vm => vm.Name.StartsWith("ovd-export-", StringComparison.Ordinal));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static string CommandLineOf(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "cmdline"));
        }
        catch (IOException)
        {
            // It has just ended.
            return "";
        }
    }

    /// <summary>The worker's qemu-nbd: the real one, slowed down by its own throttle while a test wants that.</summary>
    private void WriteServer()
    {
        var script = $$$"""
            #!/bin/bash
            if [ ! -e '{{{SlowMark}}}' ]; then exec qemu-nbd "$@"; fi
            image=${@: -1}
            exec qemu-nbd --object throttle-group,id=slow,x-bps-total={{{SlowBytesPerSecond}}} "${@:1:$#-1}" "json:{\"driver\":\"throttle\",\"throttle-group\":\"slow\",\"file\":${image#json:}}"

            """;
        File.WriteAllText(Server, script);
        File.SetUnixFileMode(Server, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
