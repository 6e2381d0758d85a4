// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Security.Cryptography;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>Size of a disk must cost neither time nor memory: only its data may.</summary>
public sealed class HugeDiskTests(SharedServers servers, ITestOutputHelper output)
{
    private const long TiB = 1L << 40;

    /// <summary>Far above what a worker needs and far below what a per-byte or per-page structure of 4 TiB would take.</summary>
    private const long MemoryLimitBytes = 600L << 20;

    [Fact]
    public async Task SparseDiskOfFourTebibytes_CostsWhatItsDataCosts()
    {
        var model = OneCluster(Stopped("huge", Disk(4 * 1024 * 1024, filled: 0)));
        await using var site = await TestSite.StartAsync(servers, model, output);
        var vm = await site.VmAsync("huge");
        foreach (var place in new[] { 0L, TiB + 4096, (3 * TiB) + (123 * MiB), (4 * TiB) - MiB })
        {
            await site.Engine.GuestWriteAsync(vm.DiskIds[0], place, RandomNumberGenerator.GetBytes(1 << 20), CancellationToken.None).WithinDeadline();
        }

        var reference = await site.SaveReferenceAsync("huge");

        var backup = await site.BackUpAsync("huge");

        Assert.InRange(backup.Progress.ReadBytes, 4 * MiB, 8 * MiB);
        await site.RestoresToAsync(backup, reference);
        foreach (var service in site.Lab.Workers.Append(site.Lab.DataMover))
        {
            var peak = await PeakMemoryAsync(service.HttpAddress);
            output.WriteLine($"{service.Name}: working set {peak >> 20} MiB");
            Assert.InRange(peak, 1, MemoryLimitBytes);
        }

        await site.FinishAsync();
    }

    /// <summary>The process's working set as its own metrics tell it.</summary>
    private static async Task<long> PeakMemoryAsync(Uri httpAddress)
    {
        using var handler = new SocketsHttpHandler { UseProxy = false };
        using var client = new HttpMessageInvoker(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(httpAddress, "/metrics"));
        using var reply = await client.SendAsync(request, CancellationToken.None).WithinDeadline();
        var text = await reply.Content.ReadAsStringAsync();
        var line = text.Split('\n').Single(candidate => candidate.StartsWith("dotnet_process_memory_working_set", StringComparison.Ordinal));
        return (long)double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
    }
}
