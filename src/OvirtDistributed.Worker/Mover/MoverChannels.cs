// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Grpc.Net.Client;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Mover;

/// <summary>The connections of one task to its Data Mover: one for calls, several for bulk data.</summary>
internal sealed class MoverChannels : IDisposable
{
    private readonly List<GrpcChannel> _channels = [];

    /// <exception cref="TaskFailureException">The address in the order cannot be used.</exception>
    public MoverChannels(string address, TlsIdentity? tls, int bulkConnections)
    {
        try
        {
            for (var i = 0; i <= bulkConnections; i++)
            {
                _channels.Add(GrpcChannels.Create(address, tls));
            }
        }
        catch (OperatorException failure)
        {
            Dispose();
            throw new TaskFailureException(FailureCode.BadOrder, $"Data Mover {failure.Message}", failure);
        }

        Calls = _channels[0].CreateCallInvoker();
        Bulk = [.. _channels.Skip(1).Select(channel => channel.CreateCallInvoker())];
    }

    public CallInvoker Calls { get; }

    public IReadOnlyList<CallInvoker> Bulk { get; }

    public void Dispose()
    {
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }
    }
}
