// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;

namespace OvirtDistributed.Hosting.Mover;

/// <summary>A connection that breaks within a message is not always told as a failure of the call: callers need to handle one kind only.</summary>
internal static class ConnectionLoss
{
    public static RpcException Of(IOException failure) =>
        new(new Status(StatusCode.Unavailable, $"The connection to the Data Mover was lost: {failure.Message}", failure));
}
