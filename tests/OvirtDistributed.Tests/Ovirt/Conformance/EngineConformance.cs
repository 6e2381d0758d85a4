// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Engine.Transfers;
using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Conformance;

/// <summary>What the clients must be able to do on any installation. One derived class per kind of installation.</summary>
public abstract partial class EngineConformance
{
    private static readonly CancellationToken None = CancellationToken.None;

    protected abstract Task<IEngineSite> StartAsync();

    private protected static OvirtEngineClient Connect(IEngineSite site) =>
        new OvirtEngineClientFactory(TimeProvider.System, NullLoggerFactory.Instance).Create(site.Connection);

    private protected static async Task<Vm> FindVmAsync(OvirtEngineClient client, string name)
    {
        var found = await client.Vms.ListAsync(EngineSearch.Equal("name", name), withDetails: false, None).ToListAsync(None).AsTask().WithinDeadline();
        return (await client.Vms.FindWithDetailsAsync(Assert.Single(found).Id, None).WithinDeadline())!;
    }

    private protected static Task<ImageTransferLease> OpenAsync(OvirtEngineClient client, CreateImageTransfer request) =>
        ImageTransferLease.OpenAsync(client.Transfers, request, CorrelationId.New(), created: null, None).WithinDeadline();

    private protected static Task<ImageIoClient> ConnectAsync(IEngineSite site, ImageTransferLease lease, ImageAccess access) => ImageIoClient.ConnectAsync(
        new ImageTarget
        {
            Url = lease.Url,
            ProxyUrl = lease.ProxyUrl,
            Access = access,
            HostCaPem = site.Connection.Trust.HostCaPem,
            ProxyCaPem = site.Connection.Trust.WebCaPem,
        },
        new ImageIoOptions { ConnectTimeout = TimeSpan.FromSeconds(5) },
        TimeProvider.System,
        NullLogger<ImageIoClient>.Instance,
        None).WithinDeadline();

    /// <summary>Reads what the extents of a context say must be read, over <paramref name="before"/>.</summary>
    private protected static async Task<(byte[] Image, long ReadBytes)> DownloadAsync(ImageIoClient client, ExtentContext context, byte[]? before)
    {
        var extents = await client.ReadExtentsAsync(context, None).ToListAsync(None).AsTask().WithinDeadline();
        var image = before is null ? new byte[extents[^1].End] : (byte[])before.Clone();
        Assert.Equal(extents[^1].End, await client.GetSizeAsync(None).WithinDeadline());
        long readBytes = 0;
        foreach (var extent in extents.Where(extent => context == ExtentContext.Zero || extent.IsDirty))
        {
            var range = image.AsMemory((int)extent.Start, (int)extent.Length);
            if (extent.IsZero)
            {
                range.Span.Clear();
                continue;
            }

            readBytes += extent.Length;
            for (var done = 0; done < range.Length; done += 1 << 20)
            {
                await client.ReadAsync(extent.Start + done, range.Slice(done, Math.Min(1 << 20, range.Length - done)), None).WithinDeadline();
            }
        }

        return (image, readBytes);
    }

    private static byte[] Random(int seed, int length)
    {
        var data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }

    private protected static void AssertSame(byte[] expected, byte[] actual)
    {
        var difference = expected.AsSpan().CommonPrefixLength(actual);
        Assert.True(expected.Length == actual.Length && difference == expected.Length, $"Images of {expected.Length} and {actual.Length} bytes differ at {difference}.");
    }

    private static async Task AssertNothingLeftAsync(IEngineSite site) => await Deadline.UntilAsync(
        async () => (await site.LeftoversAsync()).Count == 0,
        "nothing to be left, but there is: " + string.Join("; ", await site.LeftoversAsync()));
}
