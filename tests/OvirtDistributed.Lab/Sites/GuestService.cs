// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Lab.Guests;

namespace OvirtDistributed.Lab.Sites;

/// <summary>A service inside a VM that qemu boots; a kill is the VM's power cut.</summary>
/// <param name="machine">The VM; ended with this.</param>
/// <param name="program">Its name in the VM's program directory.</param>
/// <param name="settings">What it is started with.</param>
/// <param name="tls">Files that it needs.</param>
internal sealed class GuestService(GuestMachine machine, string program, ServiceSettings settings, TlsOptions tls) : ILabService
{
    public string Name => settings.Name;

    public Uri GrpcAddress => settings.GrpcAddress;

    public Uri HttpAddress => settings.HttpAddress;

    public int ProcessId => machine.ProcessId;

    public GuestMachine Machine => machine;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var arguments = string.Join(' ', settings.Arguments().Select(argument => $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
        await machine.StartAsync(
            $"exec /opt/ovd/{program} {arguments}\n", [tls.CertificateFile!, tls.KeyFile!, tls.CaFile!], [settings.GrpcPort, settings.HttpPort], cancellationToken);
        await ReadinessProbe.WaitAsync(
            Name, HttpAddress, () => machine.HasExited ? $"its VM ended; the console says:{Environment.NewLine}{machine.Tail()}" : null, cancellationToken);
    }

    public Task StopAsync() => machine.StopAsync();

    public Task KillAsync(bool withChildren = true) => machine.StopAsync();

    public ValueTask DisposeAsync() => machine.DisposeAsync();
}
