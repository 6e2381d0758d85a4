// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Http;
using OvirtDistributed.Simulator.Faults;

namespace OvirtDistributed.Simulator.ImageIo;

internal sealed partial class ImageRequestHandler
{
    /// <summary>Carries out the armed faults of a moment; a dropped connection or a status ends the request. Answers after how many bytes of the body to drop it.</summary>
    private async Task<long?> FaultAsync(HttpContext context, FaultMoment moment)
    {
        long? dropAfterBytes = null;
        foreach (var fault in options.Faults?.Strike(moment, context.Request.Method, context.Request.Path.Value ?? "/") ?? [])
        {
            if (fault.Rule.Delay > TimeSpan.Zero)
            {
                await Task.Delay(fault.Rule.Delay, options.TimeProvider, context.RequestAborted);
            }

            if (fault.Rule.DropConnection)
            {
                context.Abort();
                throw new ConnectionDropped();
            }

            if (fault.Rule.Status is { } status)
            {
                throw new ImageIoRefusal(status, fault.Rule.Detail ?? "Server failed to perform the request, check logs", close: status == 403);
            }

            dropAfterBytes ??= fault.Rule.DropAfterBytes;
        }

        return dropAfterBytes;
    }

    /// <summary>The connection has been closed; there is nobody to answer.</summary>
    private sealed class ConnectionDropped : Exception;
}
