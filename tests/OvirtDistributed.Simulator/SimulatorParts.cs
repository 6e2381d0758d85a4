// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography.X509Certificates;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Simulator.ImageIo;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator;

/// <summary>
/// What an ImageIO daemon is started with: <paramref name="Name"/> is the host's name or "proxy"; the proxy's tickets have URLs of other daemons,
/// whose certificates <paramref name="CaPem"/> has signed. <paramref name="Certificate"/> outlives the daemon.
/// </summary>
internal sealed record DaemonRequest(
    string Name, bool IsProxy, SimulatorOptions Options, string Directory, X509Certificate2 Certificate, string CaPem, FaultSet Faults);

/// <summary>The halves of the simulator that the engine half is built on, exchangeable for its own tests.</summary>
internal sealed record SimulatorParts(
    Func<SimulatorOptions, string, CancellationToken, Task<IDiskStorage>> StartStorageAsync,
    Func<DaemonRequest, CancellationToken, Task<IImageIoDaemon>> StartDaemonAsync);
