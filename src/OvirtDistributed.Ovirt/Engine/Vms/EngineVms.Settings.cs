// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

public sealed partial class EngineVms
{
    /// <summary>Everything a VM is set to, by several calls; null when there is no such VM.</summary>
    public async Task<VmSettings?> FindSettingsAsync(VmId vm, CancellationToken cancellationToken)
    {
        // Without all content an engine leaves the console, the random number generator and more out.
        var path = EngineQuery.With($"vms/{vm}", ("all_content", "true"));
        if (await _http.FindAsync(path, EngineJson.Default.VmSettingsDto, VmSettingsMapping.ToSettings, cancellationToken) is not { } settings)
        {
            return null;
        }

        var cdroms = await ListCdromsAsync(vm, cancellationToken);
        var watchdogs = await _http.ListAsync($"vms/{vm}/watchdogs", EngineJson.Default.WireListWatchdogDto, dto => new Watchdog(dto.Model ?? "", dto.Action ?? ""), cancellationToken);
        var numa = await ListNamedAsync(vm, "numanodes", cancellationToken);
        return settings with
        {
            Cdrom = cdroms.Select(cdrom => cdrom.File).FirstOrDefault(file => file is not null),
            Watchdog = watchdogs.Count > 0 ? watchdogs[0] : null,
            GraphicsConsoles = [.. (await ListConsolesAsync(vm, cancellationToken)).Select(console => console.Protocol).Order(StringComparer.Ordinal)],
            AffinityLabels = [.. (await ListNamedAsync(vm, "affinitylabels", cancellationToken)).Order(StringComparer.Ordinal)],
            HostDevices = [.. (await ListNamedAsync(vm, "hostdevices", cancellationToken)).Order(StringComparer.Ordinal)],
            NumaNodes = numa.Count,
        };
    }

    public async Task UpdateSettingsAsync(VmId vm, UpdateVmSettings change, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Put($"vms/{vm}", change.ToBody(), correlation), cancellationToken);

    /// <summary>Puts a disc image into the VM's drive, for now and for every start. Idempotent.</summary>
    /// <exception cref="OvirtException">The VM has no drive (<see cref="OvirtError.NotFound"/>), or the call failed.</exception>
    public async Task InsertCdromAsync(VmId vm, string file, CorrelationId correlation, CancellationToken cancellationToken)
    {
        var drive = (await ListCdromsAsync(vm, cancellationToken)) is [{ Id: { } id }, ..]
            ? id
            : throw new OvirtException(OvirtError.NotFound, $"VM {vm} has no CD-ROM drive.");
        var body = new JsonObject().Set("file", new JsonObject().Set("id", file));
        await _http.SendAsync(EngineRequest.Put($"vms/{vm}/cdroms/{drive}", body, correlation), cancellationToken);
    }

    /// <summary>Gives the VM this watchdog in place of the one it may have. Idempotent.</summary>
    public async Task SetWatchdogAsync(VmId vm, Watchdog watchdog, CorrelationId correlation, CancellationToken cancellationToken)
    {
        var present = await _http.ListAsync($"vms/{vm}/watchdogs", EngineJson.Default.WireListWatchdogDto, dto => dto.Id ?? "", cancellationToken);
        var body = new JsonObject().Set("model", watchdog.Model).Set("action", watchdog.Action);
        await _http.SendAsync(
            present.Count > 0 ? EngineRequest.Put($"vms/{vm}/watchdogs/{present[0]}", body, correlation) : EngineRequest.Post($"vms/{vm}/watchdogs", body, correlation),
            cancellationToken);
    }

    /// <summary>Adds and removes consoles until the VM has one of each of these protocols. Idempotent.</summary>
    public async Task SetConsolesAsync(VmId vm, IReadOnlyList<string> protocols, CorrelationId correlation, CancellationToken cancellationToken)
    {
        var present = await ListConsolesAsync(vm, cancellationToken);
        foreach (var missing in protocols.Except(present.Select(console => console.Protocol)))
        {
            await _http.SendAsync(EngineRequest.Post($"vms/{vm}/graphicsconsoles", new JsonObject().Set("protocol", missing), correlation), cancellationToken);
        }

        foreach (var surplus in present.Where(console => !protocols.Contains(console.Protocol)))
        {
            await _http.SendAsync(EngineRequest.Delete($"vms/{vm}/graphicsconsoles/{surplus.Id}", correlation), cancellationToken);
        }
    }

    private Task<IReadOnlyList<(string? Id, string? File)>> ListCdromsAsync(VmId vm, CancellationToken cancellationToken) =>
        _http.ListAsync(
            $"vms/{vm}/cdroms", EngineJson.Default.WireListCdromDto, dto => (dto.Id, string.IsNullOrEmpty(dto.File?.Id) ? null : dto.File.Id), cancellationToken);

    private Task<IReadOnlyList<(string Id, string Protocol)>> ListConsolesAsync(VmId vm, CancellationToken cancellationToken) =>
        _http.ListAsync(
            $"vms/{vm}/graphicsconsoles", EngineJson.Default.WireListGraphicsConsoleDto, dto => (dto.Id ?? "", dto.Protocol ?? ""), cancellationToken);

    private Task<IReadOnlyList<string>> ListNamedAsync(VmId vm, string collection, CancellationToken cancellationToken) =>
        _http.ListAsync($"vms/{vm}/{collection}", EngineJson.Default.WireListNamedDto, dto => dto.Name ?? dto.Id ?? "", cancellationToken);
}
