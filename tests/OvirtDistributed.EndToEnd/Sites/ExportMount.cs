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

    private readonly string _directory = Directory.CreateTempSubdirectory("ovd-mount-").FullName;
    private readonly ThrottledQemuNbd _server;

    public ExportMount() => _server = new ThrottledQemuNbd(_directory, Path.Combine(_directory, "slow"));

    private string Mount => Path.Combine(_directory, "export");

    /// <summary>Of one cluster, with an export domain.</summary>
    public static SimulatorModel Model(params VmModel[] vms)
    {
        var model = Models.OneCluster(vms);
        var dataCenter = model.DataCenters[0];
        return model with { DataCenters = [dataCenter with { Domains = [.. dataCenter.Domains, new DomainModel(DomainName, "nfs") { Type = "export" }] }] };
    }

    /// <summary>Tells every worker of the mount.</summary>
    public LabOptions Tell(LabOptions options) => options with
    {
        WorkerSettings = new Dictionary<string, string>(options.WorkerSettings, StringComparer.Ordinal)
        {
            [$"Worker:ExportDomains:{Location}"] = Mount,
            ["Worker:QemuNbd"] = _server.Program,
        },
    };

    /// <summary>Mounts it.</summary>
    public async Task AttachAsync(TestSite site) =>
        _ = Directory.CreateSymbolicLink(Mount, await site.Engine.ExportPathAsync(DomainName, CancellationToken.None).WithinDeadline());

    /// <summary>What is read from now on is so slow that there is a middle.</summary>
    public void SlowDown() => _server.SlowDown();

    public void SpeedUp() => _server.SpeedUp();

    /// <summary>Processes that serve images of this mount.</summary>
    public IReadOnlyList<int> Servers() => ThrottledQemuNbd.Running("\0--socket=", Mount);

    /// <summary>Expects that no process of ours is left, and nothing in the export domain.</summary>
    public async Task HoldsNothingAsync(TestSite site)
    {
        IReadOnlyList<string> left = [];
        await Deadline.UntilAsync(
            async () =>
            {
                left = [.. await site.Engine.ExportContentsAsync(DomainName, CancellationToken.None), .. Servers().Select(process => $"process {process}")];
                return left.Count == 0;
            },
            "nothing left in the export domain",
            TimeSpan.FromSeconds(30));
        Assert.DoesNotContain(await site.Engine.VmsAsync(CancellationToken.None), vm => vm.Name.StartsWith("ovd-export-", StringComparison.Ordinal));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
