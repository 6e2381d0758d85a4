// SPDX-License-Identifier: Apache-2.0

using System.Net;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.ImageIo;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator;

/// <summary>The real storage and ImageIO halves.</summary>
internal static class DefaultParts
{
    public static SimulatorParts Create() => new(StartStorageAsync, StartDaemonAsync);

    private static Task<IDiskStorage> StartStorageAsync(SimulatorOptions options, string directory, CancellationToken cancellationToken) =>
        Task.FromResult<IDiskStorage>(
            DiskStorage.Open(directory, new DiskStorageOptions(), options.Loggers, options.TimeProvider));

    /// <summary>A real daemon takes the hosts' tickets where there is one; the proxy stays the simulator's own.</summary>
    private static async Task<IImageIoDaemon> StartDaemonAsync(DaemonRequest request, CancellationToken cancellationToken) =>
        request.Options.ImageIoControlSocket is { } socket && !request.IsProxy
        ? new ExternalImageIoDaemon(socket, request.Options.ImageIoPort, request.Options.TimeProvider)
        : await ImageIoDaemon.StartAsync(
            new ImageIoOptions
            {
                Name = request.Name,
                ListenAddress = IPAddress.Parse(request.Options.ListenAddress),
                Certificate = request.Certificate,
                UpstreamCaPem = request.IsProxy ? request.CaPem : null,
                Faults = request.Faults,
                TimeProvider = request.Options.TimeProvider,
                IsVersion1 = !new EngineLevel(request.Options.EngineVersion).ImageIo2,
            },
            cancellationToken);
}
