// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Ovirt.Trust;
using OvirtDistributed.Simulator;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Tests.Shared;

namespace OvirtDistributed.Tests.Ovirt.Conformance;

internal sealed class SimulatorSite : IEngineSite
{
    private readonly SimulatorHost _simulator;
    private readonly TemporaryDirectory _directory = new();

    private SimulatorSite(SimulatorHost simulator, SimulatorOptions options)
    {
        _simulator = simulator;
        Connection = new EngineConnection
        {
            ApiUrl = simulator.ApiUrl,
            User = options.User,
            Password = new Secret(options.Password),
            Trust = TlsTrust.Pinned(simulator.CaPem),
            PageSize = 2,
            Timeouts = new EngineTimeouts { PollInterval = TimeSpan.FromMilliseconds(50) },
        };
    }

    public EngineConnection Connection { get; }

    public FaultSet Faults => _simulator.Engine.Faults;

    public static async Task<SimulatorSite> StartAsync(SimulatorOptions? options = null)
    {
        var given = options ?? new SimulatorOptions();
        return new SimulatorSite(await SimulatorHost.StartAsync(given, SimulatorModel.Small, CancellationToken.None).WithinDeadline(), given);
    }

    public async Task<byte[]> ReadDiskAsync(DiskId disk)
    {
        var file = _directory.File(Guid.NewGuid().ToString());
        await _simulator.Engine.SaveReferenceAsync(disk.Value, file, CancellationToken.None).WithinDeadline();
        return await File.ReadAllBytesAsync(file, CancellationToken.None);
    }

    public Task WriteDiskAsync(DiskId disk, long offsetBytes, byte[] data) =>
        _simulator.Engine.GuestWriteAsync(disk.Value, offsetBytes, data, CancellationToken.None).WithinDeadline();

    public Task TrimDiskAsync(DiskId disk, long offsetBytes, long lengthBytes) =>
        _simulator.Engine.GuestTrimAsync(disk.Value, offsetBytes, lengthBytes, CancellationToken.None).WithinDeadline();

    public async Task<IReadOnlyList<string>> LeftoversAsync() => (await _simulator.Engine.LeftoversAsync(CancellationToken.None).WithinDeadline()).All;

    public Func<bool> LoseNextAnswer(string method, string path)
    {
        var fault = _simulator.Engine.Faults.Arm(new FaultRule
        {
            Name = $"lost answer of {method} {path}",
            Method = method,
            Path = path,
            Moment = FaultMoment.AfterHandling,
            DropConnection = true,
        });
        return () => fault.Exercised;
    }

    public async ValueTask DisposeAsync()
    {
        await _simulator.DisposeAsync();
        _directory.Dispose();
    }
}
