// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Jobs.Backup;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>What can be wrong with a restore request in itself.</summary>
internal static class RestoreRequestCheck
{
    /// <exception cref="OperatorException">It names the field, the value and what to do.</exception>
    public static void Check(RestoreRequest request)
    {
        CheckScope(request);
        if (request.Format is not ("" or "cow" or "raw"))
        {
            throw OperatorException.Invalid("format", request.Format, "use cow or raw, or leave it empty to keep the disk's own.");
        }

        if (request.TransportMode is not ("" or TransportModes.ImageTransfer or TransportModes.DiskAttachment or TransportModes.Ssh or TransportModes.ExportDomain))
        {
            throw OperatorException.Invalid("transport_mode", request.TransportMode, "a restore goes by image-transfer, disk-attachment, ssh or export-domain.");
        }

        if (request.TransportMode == TransportModes.ExportDomain && request.Scope != RestoreScope.NewVm)
        {
            throw OperatorException.Invalid("transport_mode", request.TransportMode, "the manager imports whole VMs only: restore as a new VM, or choose another mode.");
        }

        if (request.Allocation is not ("" or "sparse" or "preallocated"))
        {
            throw OperatorException.Invalid("allocation", request.Allocation, "use sparse or preallocated, or leave it empty to keep the disk's own.");
        }

        if (request.Nics == NicChoice.None && (request.NicMacs.Count > 0 || request.Networks.Count > 0))
        {
            throw OperatorException.Invalid("nics", "none", "the VM gets no NIC, so leave out networks and MAC addresses (--network, --mac).");
        }
    }

    private static void CheckScope(RestoreRequest request)
    {
        switch (request.Scope)
        {
            case RestoreScope.NewVm when request.Name.Length is 0 or > 255 || !request.Name.All(letter => char.IsLetterOrDigit(letter) || letter is '-' or '_' or '.'):
                throw OperatorException.Invalid("name", request.Name, "a VM's name has 1 to 255 letters, digits, '-', '_' or '.'.");
            case RestoreScope.NewVm when request.PowerOff || !request.SafetyPoint:
                throw OperatorException.Invalid(
                    request.PowerOff ? "power_off" : "no_safety_point", "true", "it belongs to a restore over the original VM: add overwrite (--overwrite), or leave it out.");
            case RestoreScope.Overwrite when request.Name.Length > 0:
                throw OperatorException.Invalid("name", request.Name, "a restore over the original keeps the VM and its name: leave one of overwrite and name out.");
            case not RestoreScope.NewVm when request.CreateAffinityGroups:
                throw OperatorException.Invalid("create_affinity_groups", "true", "only a new VM gets the settings of the restore point: leave it out.");
            case RestoreScope.Overwrite when request.Cluster.Length > 0:
                throw OperatorException.Invalid("cluster", request.Cluster, "a restore over the original keeps the VM where it is: leave it out.");
            case RestoreScope.Overwrite when request.Nics != NicChoice.NewMac || request.NicMacs.Count > 0 || request.Networks.Count > 0:
                throw OperatorException.Invalid("nics", request.Nics.ToString(), "a restore over the original leaves the VM's NICs as they are: leave out NICs, networks and MAC addresses.");
            case RestoreScope.Disk when request.PowerOff || !request.SafetyPoint || request.Start:
                throw OperatorException.Invalid(
                    request.PowerOff ? "power_off" : request.Start ? "start" : "no_safety_point", "true", "it belongs to a restore in place: add in_place (--in-place), or leave it out.");
            case RestoreScope.InPlace when request.TransportMode == TransportModes.ImageTransfer:
                throw OperatorException.Invalid(
                    "transport_mode", request.TransportMode, "the manager deletes the disk of an upload that fails, so none is written in place that way: use disk-attachment or ssh.");
            case RestoreScope.InPlace when request.StorageDomain.Length + request.Format.Length + request.Allocation.Length > 0 || request.Activate:
                throw OperatorException.Invalid("in_place", "true", "the disk stays what it is and where it is: leave out storage domain, format, allocation and activate.");
            case RestoreScope.Disk or RestoreScope.InPlace when request.Vm.Length == 0:
                throw OperatorException.Invalid("vm", "", "name the VM that gets the disk.");
        }
    }
}
