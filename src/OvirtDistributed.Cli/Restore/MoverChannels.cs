// SPDX-License-Identifier: Apache-2.0

using Grpc.Net.Client;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Hosting.Tls;

namespace OvirtDistributed.Cli.Restore;

/// <summary>Connections to one Data Mover: one for calls, and one for each stream of frames, since a single HTTP/2 connection limits the rate.</summary>
internal sealed class MoverChannels : IDisposable
{
    /// <summary>A choice, not a measurement: a few connections share the work of TLS and flow control, and each one costs memory.</summary>
    public const int StreamCount = 3;

    private MoverChannels(string address, GrpcChannel control, GrpcChannel[] streams)
    {
        Address = address;
        Control = control;
        Streams = streams;
    }

    public string Address { get; }

    public GrpcChannel Control { get; }

    public IReadOnlyList<GrpcChannel> Streams { get; }

    public static MoverChannels Open(string address, TlsIdentity? tls)
    {
        var control = ServiceAddress.Connect("Data Mover address", address, tls);
        return new MoverChannels(address, control, [.. Enumerable.Range(0, StreamCount).Select(_ => ServiceAddress.Connect("Data Mover address", address, tls))]);
    }

    public void Dispose()
    {
        Control.Dispose();
        foreach (var stream in Streams)
        {
            stream.Dispose();
        }
    }
}
