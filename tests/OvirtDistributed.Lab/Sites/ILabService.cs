// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Lab.Sites;

/// <summary>One service of the product as the lab runs it: a process of its own, or a host inside the lab's process.</summary>
public interface ILabService : IAsyncDisposable
{
    string Name { get; }

    /// <summary>Address of its gRPC endpoint; the same after every start.</summary>
    Uri GrpcAddress { get; }

    /// <summary>Address of its health and metrics endpoint; the same after every start.</summary>
    Uri HttpAddress { get; }

    /// <summary>The process it runs in; 0 while it does not run.</summary>
    int ProcessId { get; }

    /// <summary>Starts it and returns when it says that it is ready.</summary>
    Task StartAsync(CancellationToken cancellationToken);

    /// <summary>Ends it in an orderly way. Idempotent.</summary>
    Task StopAsync();

    /// <summary>Ends it as a power cut would. A host inside the lab's process cannot be killed.</summary>
    /// <param name="withChildren">False: as <c>kill -9</c> of the process alone would, which leaves those that it started.</param>
    /// <exception cref="NotSupportedException">The service runs inside the lab's process.</exception>
    Task KillAsync(bool withChildren = true);
}
