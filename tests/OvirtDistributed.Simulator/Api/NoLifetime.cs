// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Hosting;

namespace OvirtDistributed.Simulator.Api;

/// <summary>Signals of the process belong to whoever runs it: a simulator inside a test or a lab must not stop by itself on Ctrl-C.</summary>
internal sealed class NoLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
