// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Lab.Processes;

namespace OvirtDistributed.Lab.Sites;

/// <summary>What one service is started with; becomes its command line.</summary>
internal sealed class ServiceSettings
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public ServiceSettings(string name, TlsOptions tls)
    {
        Name = name;
        GrpcPort = FreePorts.Take();
        HttpPort = FreePorts.Take();
        _ = ListenOn("127.0.0.1");
        Set("Tls:CertificateFile", tls.CertificateFile!);
        Set("Tls:KeyFile", tls.KeyFile!);
        Set("Tls:CaFile", tls.CaFile!);
    }

    public string Name { get; }

    public int GrpcPort { get; }

    public int HttpPort { get; }

    public Uri GrpcAddress => new($"https://127.0.0.1:{GrpcPort}");

    public Uri HttpAddress => new($"http://127.0.0.1:{HttpPort}");

    public ServiceSettings Set(string key, string value)
    {
        _values[key] = value;
        return this;
    }

    public ServiceSettings Set(string key, TimeSpan value) => Set(key, value.ToString("c"));

    /// <summary>For a service in a VM of its own, whose ports are this machine's loopback ports.</summary>
    public ServiceSettings ListenEverywhere() => ListenOn("0.0.0.0");

    public string[] Arguments() => [.. _values.Select(setting => $"--{setting.Key}={setting.Value}")];

    private ServiceSettings ListenOn(string address) => Set("Listen:Grpc", $"{address}:{GrpcPort}").Set("Listen:Http", $"{address}:{HttpPort}");
}
