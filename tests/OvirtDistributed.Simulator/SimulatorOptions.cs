// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace OvirtDistributed.Simulator;

/// <summary>How a simulator is run. Everything has a default that suits a test on one machine.</summary>
public sealed record SimulatorOptions
{
    /// <summary>
    /// Where disks, sockets and scratch files live; a start over an existing one goes on where the last run ended. A new directory under the
    /// temporary directory, removed at the end, when null.
    /// </summary>
    public string? DataDirectory { get; init; }

    /// <summary>Address all servers listen on.</summary>
    public string ListenAddress { get; init; } = "127.0.0.1";

    /// <summary>Name or address of the manager in URLs; its certificate names it.</summary>
    public string ManagerName { get; init; } = "127.0.0.1";

    /// <summary>Port of the manager; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>User and password pairs that may log in, besides <see cref="User"/>.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> MoreUsers { get; init; } = [];

    public string User { get; init; } = "admin@internal";

    public string Password { get; init; } = "password";

    /// <summary>
    /// Addresses by host name, in place of <see cref="ListenAddress"/>. An address that clients cannot reach makes a proxy-only network:
    /// transfer URLs name it, the proxy goes on to the real one.
    /// </summary>
    public IReadOnlyDictionary<string, string> HostAddresses { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Control socket of a real ovirt-imageio daemon that gets the tickets in place of the simulator's own; null for the own.</summary>
    public string? ImageIoControlSocket { get; init; }

    /// <summary>Port on which that daemon serves images.</summary>
    public int ImageIoPort { get; init; } = 54322;

    /// <summary>How long the engine takes for what it does in the background.</summary>
    public Pace Pace { get; init; } = Pace.Fast;

    /// <summary>Idle limit of a bearer token and of a persistent session.</summary>
    public TimeSpan SessionTimeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>All hosts have an address that clients cannot reach, as in <see cref="HostAddresses"/>.</summary>
    public bool ProxyOnly { get; init; }

    /// <summary>Version the engine reports. Of an old one it lacks single layers (4.4.3), backups and ImageIO 2 (4.4), the format of transfers (4.3.5).</summary>
    public string EngineVersion { get; init; } = "4.5.7-1.el9";

    /// <summary>Backups take a snapshot of their own from this cluster level on; 4.7 is the engines' default. Null: never.</summary>
    public Version? HybridBackupFrom { get; init; } = new(4, 7);

    /// <summary>
    /// How much of a disk's id is the serial number of its device in a guest (<see cref="SimulatorEngine.ShowDevicesAsync(Guid, string, CancellationToken)"/>): all 36 characters, or the
    /// first 20 as with machine types before oVirt 4.4. A virtio disk never has more than 20.
    /// </summary>
    public int DeviceSerialLength { get; init; } = 36;

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Where the simulator's messages go; nowhere by default. The caller disposes it.</summary>
    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;

    /// <summary>What transfer URLs call a host. A name that cannot exist is tried and found missing at once, unlike an address that swallows what is sent.</summary>
    internal string AddressOf(string host) => HostAddresses.GetValueOrDefault(host, ProxyOnly ? $"{host}.invalid" : ListenAddress);
}

/// <summary>The rhythm of the engine's background work.</summary>
public sealed record Pace
{
    /// <summary>Steps of 25 ms: for tests.</summary>
    public static Pace Fast { get; } = new()
    {
        First = TimeSpan.FromMilliseconds(25),
        Longest = TimeSpan.FromMilliseconds(25),
        TransferPoll = TimeSpan.FromMilliseconds(250),
        // As long as an engine's two polls: a client on a busy machine must not meet a limit that no engine has.
        AutoFinishIdle = TimeSpan.FromSeconds(20),
    };

    /// <summary>The engine's own rhythm: 1 s, doubling to 10 s (AsyncCommandPollingLoopInSeconds, AsyncCommandPollingRateInSeconds).</summary>
    public static Pace Realistic { get; } = new()
    {
        First = TimeSpan.FromSeconds(1),
        Longest = TimeSpan.FromSeconds(10),
        TransferPoll = TimeSpan.FromSeconds(10),
        AutoFinishIdle = TimeSpan.FromSeconds(20),
    };

    /// <summary>Wait before the first step of a command.</summary>
    public required TimeSpan First { get; init; }

    /// <summary>Waits double up to this.</summary>
    public required TimeSpan Longest { get; init; }

    /// <summary>Interval between looks at a running transfer's ticket.</summary>
    public required TimeSpan TransferPoll { get; init; }

    /// <summary>A completely read download that is idle this long is finalized by the engine.</summary>
    public required TimeSpan AutoFinishIdle { get; init; }

    /// <summary>How long ended backups and transfers stay visible: succeeded.</summary>
    public TimeSpan KeepSucceeded { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How long ended backups and transfers stay visible: failed.</summary>
    public TimeSpan KeepFailed { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>The wait before step number <paramref name="step"/> (from 0).</summary>
    public TimeSpan Step(int step)
    {
        var wait = First * Math.Pow(2, Math.Min(step, 16));
        return wait < Longest ? wait : Longest;
    }
}
