// SPDX-License-Identifier: Apache-2.0

using MassTransit;

namespace OvirtDistributed.Server.Outbox;

internal static class MandatorySend
{
    /// <summary>Marks a message as mandatory where the transport knows that.</summary>
    public static void TrySetMandatory(this SendContext context)
    {
        if (context.TryGetPayload<RabbitMqSendContext>(out var rabbit))
        {
            rabbit.Mandatory = true;
        }
    }
}
