// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.ImageIo;

/// <summary>From the ImageIO client's errors to what the server does next. The client's messages hold no transfer URL.</summary>
internal static class ImageIoFailures
{
    /// <param name="failure">What the client reported.</param>
    /// <param name="side">What a failure of the image itself means: the source's, or the target's.</param>
    public static TaskFailureException Classify(OvirtException failure, FailureCode side) => new(
        failure.Error switch
        {
            OvirtError.TicketRefused => FailureCode.TransferEnded,
            OvirtError.InvalidSettings => FailureCode.BadOrder,
            _ => side,
        },
        failure.Message,
        failure);
}
