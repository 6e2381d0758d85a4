// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using OvirtDistributed.Hosting.Tls;

namespace OvirtDistributed.Hosting.Listening;

/// <summary>The two listeners every service has: gRPC (HTTP/2, mutual TLS when configured) and plain HTTP/1.1 for health and metrics.</summary>
public static class ServiceEndpoints
{
    /// <summary>Binds both listeners. Window and frame sizes are the measured optimum for bulk streams: larger ones are slower.</summary>
    public static WebApplicationBuilder ListenOn(this WebApplicationBuilder builder, ServiceListenOptions listen, TlsIdentity? tls)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.Http2.InitialConnectionWindowSize = 4 * 1024 * 1024;
            kestrel.Limits.Http2.InitialStreamWindowSize = 2 * 1024 * 1024;
            kestrel.Limits.Http2.MaxFrameSize = 64 * 1024;
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
            kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);

            kestrel.Listen(IPEndPoint.Parse(listen.Grpc), options =>
            {
                options.Protocols = HttpProtocols.Http2;
                if (tls is not null)
                {
                    options.UseHttps(https => ConfigureMutualTls(https, tls));
                }
            });
            kestrel.Listen(IPEndPoint.Parse(listen.Http), options => options.Protocols = HttpProtocols.Http1);
        });
        return builder;
    }

    /// <summary>The bound gRPC address as clients write it (<c>https://host:port</c>). Valid once the application has started.</summary>
    public static Uri GrpcAddress(this WebApplication application) => BoundAddresses(application)[0];

    /// <summary>The bound address of health and metrics. Valid once the application has started.</summary>
    public static Uri HttpAddress(this WebApplication application) => BoundAddresses(application)[1];

    private static List<Uri> BoundAddresses(WebApplication application)
    {
        var addresses = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses
            ?? throw new InvalidOperationException("The service has no listeners yet: start it first.");
        return [.. addresses.Select(address => new Uri(address))];
    }

    private static void ConfigureMutualTls(HttpsConnectionAdapterOptions https, TlsIdentity tls)
    {
        https.ServerCertificate = tls.Certificate;
        https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
        https.ClientCertificateValidation = (certificate, _, errors) => tls.Accepts(certificate, errors);
    }
}
