// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine;

/// <summary>What a VM has when nobody said otherwise.</summary>
internal static class VmDefaults
{
    public static void Fill(Vm vm, Cluster cluster)
    {
        vm.Stored["bios"] = new WireNode("bios").Add(new WireNode("boot_menu").Add("enabled", false)).Add("type", cluster.BiosType);
        vm.Stored["cpu"] = Cpu("1", "1", "1");
        vm.Stored["high_availability"] = new WireNode("high_availability").Add("enabled", false).Add("priority", 0);
        vm.Stored["memory_policy"] = new WireNode("memory_policy").Add("ballooning", true).Add("guaranteed", vm.Memory).Add("max", vm.Memory * 4);
        vm.Stored["origin"] = new WireNode("origin", WireKind.Text, "ovirt");
        vm.Stored["os"] = new WireNode("os")
            .Add(new WireNode("boot").Add(new WireNode("devices", WireKind.List).Add("device", "hd")))
            .Add("type", "other_linux");
        vm.Stored["placement_policy"] = new WireNode("placement_policy").Add("affinity", "migratable");
        vm.Stored["tpm_enabled"] = new WireNode("tpm_enabled", WireKind.Text, "false");
        vm.Consoles.Add("vnc");
        vm.Stored["type"] = new WireNode("type", WireKind.Text, "server");
    }

    public static WireNode Cpu(string sockets, string cores, string threads) =>
        new WireNode("cpu").Add("architecture", "x86_64")
            .Add(new WireNode("topology").Add("cores", cores).Add("sockets", sockets).Add("threads", threads));
}
