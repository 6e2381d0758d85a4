// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine.Commands;

internal sealed partial class VmCommands
{
    /// <summary>Makes a VM from OVF: disks are looked up by id, and a failure to attach one is an event, not an error.</summary>
    private async Task<Vm> ImportAsync(WireNode body, WireNode configuration, CommandScope scope)
    {
        var cluster = Lookup.Cluster(State, body.Child("cluster"), "Vm", "add");
        var data = configuration.Value("data") ?? throw ApiFault.Incomplete("Vm", "initialization.configuration.data", "add");
        if (configuration.Value("type") is not ("ovf" or "ova"))
        {
            throw ApiFault.Incomplete("Vm", "initialization.configuration.type", "add");
        }

        var ovf = Parse(data);
        var regenerate = body.Child("initialization")!.Flag("regenerate_ids") ?? false;
        var id = regenerate ? Guid.NewGuid() : ovf.Id ?? Guid.NewGuid();
        if (State.Vms.ContainsKey(id))
        {
            throw ApiFault.Conflict($"Cannot import VM: VM with the same identifier already exists.");
        }

        var vm = New(id, CheckName(body.Value("name") ?? ovf.Name, cluster), cluster, EngineState.BlankTemplateId);
        ApplyOvf(vm, ovf);
        Apply(vm, body);
        var badMacs = AddNics(vm, ovf, cluster, regenerate);
        State.Vms.Add(vm.Id, vm);
        var missing = ovf.Disks.Where(d => !TryAttach(vm, d)).Select(d => d.DiskId).ToList();
        ReportImport(vm, missing, badMacs, scope);
        foreach (var disk in vm.Attachments)
        {
            await disks.RefreshSizesAsync(State.Disks[disk.DiskId], engine.Stopping);
        }

        return vm;
    }

    /// <summary>Makes a VM of one in an export domain, with new ids and without its disks.</summary>
    public Vm Import(OvfVm ovf, string? name, Cluster cluster)
    {
        var vm = New(Guid.NewGuid(), CheckName(name, cluster), cluster, EngineState.BlankTemplateId);
        ApplyOvf(vm, ovf);
        _ = AddNics(vm, ovf, cluster, regenerate: true);
        State.Vms.Add(vm.Id, vm);
        return vm;
    }

    private void ReportImport(Vm vm, List<Guid> missing, List<string> badMacs, CommandScope scope)
    {
        var subject = new EventSubject { VmId = vm.Id, ClusterId = vm.ClusterId };
        if (missing.Count == 0)
        {
            engine.Event(174, "normal", $"VM {vm.Name} was successfully imported from the given configuration.", subject, scope.CorrelationId);
        }
        else
        {
            engine.Event(175, "warning", $"VM {vm.Name} has been imported from the given configuration but the following disk(s) failed to attach: {string.Join(", ", missing)}.", subject, scope.CorrelationId);
        }

        if (badMacs.Count > 0)
        {
            engine.Event(5102, "warning", $"VM {vm.Name} has MAC address(es) {string.Join(", ", badMacs)}, which is/are out of its MAC pool definitions or already used.", subject, scope.CorrelationId);
        }
    }

    private static OvfVm Parse(string data)
    {
        try
        {
            return OvfReader.Read(data);
        }
        catch (FormatException e)
        {
            throw ApiFault.BadRequest($"Cannot import VM: the OVF could not be parsed: {e.Message}");
        }
    }

    private static void ApplyOvf(Vm vm, OvfVm ovf)
    {
        vm.Description = ovf.Description;
        vm.Comment = ovf.Comment;
        vm.Memory = ovf.Memory ?? vm.Memory;
        vm.DeleteProtected = ovf.DeleteProtected;
        vm.Stored["high_availability"] = new WireNode("high_availability").Add("enabled", ovf.AutoStartup).Add("priority", ovf.Priority ?? "0");
        if (ovf.OsType is { } os)
        {
            vm.Stored["os"] = new WireNode("os").Add("type", os);
        }

        if (ovf.BiosType is { } bios)
        {
            vm.Stored["bios"] = new WireNode("bios").Add(new WireNode("boot_menu").Add("enabled", ovf.BootMenu)).Add("type", bios);
        }

        if (ovf.Topology is { } t)
        {
            vm.Stored["cpu"] = VmDefaults.Cpu(t.Sockets, t.Cores, t.Threads);
        }
    }

    private List<string> AddNics(Vm vm, OvfVm ovf, Cluster cluster, bool regenerate)
    {
        var used = State.Vms.Values.SelectMany(v => v.Nics).Select(n => n.Mac).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var bad = new List<string>();
        foreach (var nic in ovf.Nics)
        {
            // With new ids the engine gives out new addresses; otherwise a clash leaves the NIC with its address, unplugged.
            var clash = nic.Mac is { } mac && (used.Contains(mac) || MacAddress.Parse(mac) is null);
            if (clash && !regenerate)
            {
                bad.Add(nic.Mac!);
            }

            vm.Nics.Add(new Nic
            {
                Id = Guid.NewGuid(),
                Name = nic.Name,
                Interface = nic.Interface,
                Mac = regenerate || nic.Mac is null ? engine.NewMac() : nic.Mac,
                VnicProfileId = FindProfile(nic, cluster),
                Linked = nic.Linked,
                Plugged = nic.Plugged && (regenerate || !clash),
            });
        }

        return bad;
    }

    private Guid? FindProfile(OvfNic nic, Cluster cluster)
    {
        var networks = State.Networks.Values.Where(n => n.DataCenterId == cluster.DataCenterId).ToDictionary(n => n.Id);
        return State.VnicProfiles.Values.FirstOrDefault(p =>
            networks.TryGetValue(p.NetworkId, out var network) && network.Name == nic.Network && (nic.Profile is null || p.Name == nic.Profile))?.Id;
    }

    private bool TryAttach(Vm vm, OvfDisk wanted)
    {
        if (!State.Disks.TryGetValue(wanted.DiskId, out var disk) || disk.Status != DiskStatus.Ok
            || (!disk.Shareable && State.AttachmentsOf(disk.Id).Any())
            || State.StorageDomains[disk.StorageDomainId].DataCenterId != State.DataCenterOf(vm)?.Id)
        {
            return false;
        }

        vm.Attachments.Add(new DiskAttachment
        {
            DiskId = disk.Id,
            Active = wanted.Plugged,
            Bootable = wanted.Bootable,
            Interface = wanted.Interface,
            ReadOnly = wanted.ReadOnly,
        });
        return true;
    }
}
