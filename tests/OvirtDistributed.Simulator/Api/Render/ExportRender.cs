// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api.Render;

/// <summary>A VM as it lies in an export domain.</summary>
internal static class ExportRender
{
    public static WireNode Vm(StorageDomain domain, OvfVm vm) =>
        new WireNode("vm")
            .Attr("href", $"{ApiPaths.Root}/storagedomains/{domain.Id}/vms/{vm.Id}")
            .Attr("id", $"{vm.Id}")
            .Add("name", vm.Name)
            .Add("description", vm.Description)
            .Add("status", "down")
            .Add("memory", vm.Memory ?? 1L << 30)
            .AddReference("storage_domain", domain.Id, "storagedomains")
            .Actions("import", "register")
            .Links("disks", "diskattachments");
}
