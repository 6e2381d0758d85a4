// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;

namespace OvirtDistributed.Lab.Sites;

/// <summary>A service as a host inside the lab's process: nothing else to start, but it cannot be killed.</summary>
internal sealed class HostedService(Func<string[], WebApplication> build, ServiceSettings settings) : ILabService
{
    private WebApplication? _application;

    public string Name => settings.Name;

    public Uri GrpcAddress => settings.GrpcAddress;

    public Uri HttpAddress => settings.HttpAddress;

    public int ProcessId => _application is null ? 0 : Environment.ProcessId;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_application is not null)
        {
            throw new InvalidOperationException($"{Name} runs already.");
        }

        _application = build(settings.Arguments());
        await _application.StartAsync(cancellationToken);
        await ReadinessProbe.WaitAsync(Name, HttpAddress, () => null, cancellationToken);
    }

    public async Task StopAsync()
    {
        if (_application is { } application)
        {
            _application = null;
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(40));
            await application.StopAsync(limit.Token);
            await application.DisposeAsync();
        }
    }

    public Task KillAsync(bool withChildren = true) =>
        throw new NotSupportedException($"{Name} runs inside the lab's process; start the lab with separate processes to kill it.");

    public async ValueTask DisposeAsync() => await StopAsync();
}
