// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Ssh;

namespace OvirtDistributed.Worker.Transports.Ssh;

/// <summary>How a host is reached. Holds a secret: never logged.</summary>
/// <param name="Ssh">By its name at the manager.</param>
/// <param name="Sudo">The user is not root and needs it to read the disks.</param>
internal sealed record HostAccess(SshAccess Ssh, bool Sudo)
{
    /// <summary>For messages.</summary>
    public string Name => $"Host {Ssh.Shown}";

    /// <exception cref="TaskFailureException">A field that reaches a command line cannot be what it is called.</exception>
    public static HostAccess Of(SshDisk disk) => new(
        new SshAccess
        {
            Name = disk.Host,
            Address = disk.Address,
            Port = disk.Port,
            User = disk.User,
            PrivateKey = disk.PrivateKey,
            Password = disk.Password,
            KnownHosts = disk.KnownHosts,
        }.Checked("ssh_disk"),
        disk.Sudo);

    public override string ToString() => $"HostAccess {Ssh}";
}
