// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;

namespace OvirtDistributed.Hosting.Listening;

/// <summary>The ports of loopback that a program takes when nothing is configured: an operator who tries it out can know them.</summary>
/// <param name="Grpc">Of gRPC.</param>
/// <param name="Http">Of health and metrics.</param>
public sealed record DefaultPorts(int Grpc, int Http)
{
    public static DefaultPorts Server { get; } = new(7443, 8443);

    public static DefaultPorts DataMover { get; } = new(7444, 8444);

    public static DefaultPorts Worker { get; } = new(7445, 8445);

    /// <summary>Below every other source of settings. Not for hosts inside another process, which take free ports.</summary>
    public void ApplyTo(WebApplicationBuilder builder) => ((IConfigurationBuilder)builder.Configuration).Sources.Insert(0, new MemoryConfigurationSource
    {
        InitialData = new Dictionary<string, string?>
        {
            [$"{ServiceListenOptions.Section}:{nameof(ServiceListenOptions.Grpc)}"] = $"127.0.0.1:{Grpc}",
            [$"{ServiceListenOptions.Section}:{nameof(ServiceListenOptions.Http)}"] = $"127.0.0.1:{Http}",
        },
    });
}
