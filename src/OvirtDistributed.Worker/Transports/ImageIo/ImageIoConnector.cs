// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Pipeline;

namespace OvirtDistributed.Worker.Transports.ImageIo;

/// <summary>Opens the image transfer named in an order.</summary>
internal sealed class ImageIoConnector(PipelineOptions options, TimeProvider time, ILogger<ImageIoClient> logger)
{
    public PipelineOptions Pipeline => options;

    /// <exception cref="TaskFailureException">No route works, the ticket is gone, or the order's URLs cannot be used.</exception>
    public async Task<ImageIoClient> ConnectAsync(
        ImageTransferSource transfer, ImageAccess access, FailureCode side, CancellationToken cancellationToken)
    {
        var target = new ImageTarget
        {
            Url = Parse(transfer.TransferUrl, "transfer_url"),
            ProxyUrl = Parse(transfer.ProxyUrl, "proxy_url"),
            Access = access,
            HostCaPem = transfer.HostCaPem.Length > 0 ? transfer.HostCaPem : null,
            ProxyCaPem = transfer.ProxyCaPem.Length > 0 ? transfer.ProxyCaPem : null,
            HostAddresses = new Dictionary<string, string>(transfer.HostAddresses, StringComparer.OrdinalIgnoreCase),
        };
        if (target.Url is null && target.ProxyUrl is null)
        {
            throw new TaskFailureException(FailureCode.BadOrder, "The order has neither transfer_url nor proxy_url.");
        }

        var inactivity = transfer.InactivityTimeout?.ToTimeSpan() ?? TimeSpan.Zero;
        var limits = new ImageIoOptions
        {
            MaxConnections = transfer.MaxConnections > 0 ? Math.Min(transfer.MaxConnections, options.SourceConnections) : options.SourceConnections,
        };
        if (inactivity > TimeSpan.Zero && inactivity / 3 < limits.KeepAliveInterval)
        {
            limits = limits with { KeepAliveInterval = inactivity / 3 };
        }

        try
        {
            return await ImageIoClient.ConnectAsync(target, limits, time, logger, cancellationToken);
        }
        catch (OvirtException failure)
        {
            throw ImageIoFailures.Classify(failure, side);
        }
    }

    private static TransferUrl? Parse(string text, string field)
    {
        if (text.Length == 0)
        {
            return null;
        }

        return TransferUrl.TryParse(text, out var url)
            ? url
            : throw new TaskFailureException(FailureCode.BadOrder, $"The order's {field} is not an image transfer's URL (not shown: it is a credential).");
    }
}
