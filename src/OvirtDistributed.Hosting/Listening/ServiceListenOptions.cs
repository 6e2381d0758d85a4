// SPDX-License-Identifier: Apache-2.0

using System.Net;

namespace OvirtDistributed.Hosting.Listening;

/// <summary>Where a service listens. Configuration section <c>Listen</c>.</summary>
public sealed class ServiceListenOptions
{
    public const string Section = "Listen";

    /// <summary><c>address:port</c> of the gRPC endpoint. Port 0 takes a free one. Default: loopback; of a program one of <see cref="DefaultPorts"/>, else a free port.</summary>
    public string Grpc { get; set; } = "127.0.0.1:0";

    /// <summary><c>address:port</c> of the HTTP/1.1 endpoint for health (<c>/healthz/live</c>, <c>/healthz/ready</c>) and <c>/metrics</c>. Default: as of <see cref="Grpc"/>.</summary>
    public string Http { get; set; } = "127.0.0.1:0";

    /// <summary>Every problem with these options. Plain-text gRPC is refused beyond loopback.</summary>
    public IEnumerable<string> Problems(bool tlsEnabled)
    {
        if (!IPEndPoint.TryParse(Grpc, out var grpc))
        {
            yield return $"{Section}:Grpc '{Grpc}' is not address:port; write for example 0.0.0.0:7443 or 127.0.0.1:0.";
        }
        else if (!tlsEnabled && !IPAddress.IsLoopback(grpc.Address))
        {
            yield return $"{Section}:Grpc '{Grpc}' is reachable from outside without TLS: set Tls:CertificateFile, Tls:KeyFile and Tls:CaFile, or listen on 127.0.0.1.";
        }

        if (!IPEndPoint.TryParse(Http, out _))
        {
            yield return $"{Section}:Http '{Http}' is not address:port; write for example 0.0.0.0:9464.";
        }
    }
}
