// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Managers;

using OvirtDistributed.Server.Settings;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>The calls a restore would make on the manager, in order, without those that only read.</summary>
internal static class PlannedRestoreCalls
{
    public static IReadOnlyList<string> Of(RestoreDetails details, RestorePlan plan) =>

    [
        .. Before(details, plan),
        .. plan.Disks.SelectMany(disk => Upload(details, disk)),
        .. details.Scope switch
        {
            RestoreScope.NewVm => NewVm(details, plan),
            RestoreScope.Disk => Join(plan),
            RestoreScope.InPlace => PutBack(plan),
            _ => Switch(plan),
        },
        .. After(details, plan),
    ];

    private static IEnumerable<string> Before(RestoreDetails details, RestorePlan plan)
    {
        if (plan.Target is { Status: not "down" } running && details.RewritesVm())
        {
            yield return $"POST vms/{running.Id}/stop";
        }

        if (details.SafetyPoint)
        {
            yield return $"(the calls of a backup of {plan.Target!.Name}: ovd plan backup {plan.Target.Name})";
        }

        foreach (var disk in details.Scope == RestoreScope.InPlace ? plan.Disks : [])
        {
            yield return DropCheckpoints(plan.Target!.Id);
            yield return $"DELETE vms/{plan.Target!.Id}/diskattachments/{disk.Plan.InPlaceDiskId} (detach only {disk.Replaces?.Alias})";
        }
    }

    private static IEnumerable<string> Upload(RestoreDetails details, RestoredDisk disk)
    {
        var (alias, plan) = (disk.Alias, disk.Plan);
        if (details.Export is { } export)
        {
            yield return $"(a worker writes {alias} to export domain {export.DomainName}: {disk.Disk.Root.DiskSize} bytes, {plan.Format})";
            yield break;
        }

        if (plan.InPlaceDiskId is null)
        {
            yield return $"POST disks ({alias}, {disk.Disk.Root.DiskSize} bytes, {plan.Format} {(plan.Sparse ? "sparse" : "preallocated")} on {disk.Domain.Name})";
        }

        if (details.TransportMode == TransportModes.DiskAttachment)
        {
            yield return $"POST vms/WORKER/diskattachments ({alias})";
            yield return "PUT vms/WORKER/diskattachments/ID (unplug)";
            yield return "DELETE vms/WORKER/diskattachments/ID (detach only)";
        }
        else if (details.TransportMode == TransportModes.Ssh)
        {
            yield return $"ssh HOST qemu-nbd ({alias})";
        }
        else
        {
            yield return $"POST imagetransfers (upload {alias})";
            yield return "POST imagetransfers/ID/finalize";
        }
    }

    private static IEnumerable<string> NewVm(RestoreDetails details, RestorePlan plan)
    {
        if (details.Export is { } export)
        {
            yield return $"POST storagedomains/{export.DomainId}/vms/{export.VmId}/import ({details.NewName}, clone, to {plan.Disks.Select(disk => disk.Domain.Name).FirstOrDefault()})";
            yield return $"DELETE storagedomains/{export.DomainId}/vms/{export.VmId}";
        }
        else
        {
            yield return $"POST vms ({details.NewName}, from the stored OVF)";
        }

        foreach (var nic in plan.Nics)
        {
            yield return $"POST vms/ID/nics ({nic.Name}, {(nic.Mac is { } mac ? $"MAC address {mac}" : "new MAC address")})";
        }

        foreach (var disk in details.Export is null ? plan.Disks : [])
        {
            yield return $"POST vms/ID/diskattachments ({disk.Alias})";
        }

        foreach (var setting in plan.Settings.Outcomes.Where(setting => setting.Restored))
        {
            yield return $"{CallOf(setting.Name, plan.Settings, details.ClusterId)} ({setting.Name}, where the VM has not got it from its OVF)";
        }

        yield return "PUT vms/ID, disks/ID (descriptions without our mark)";
    }

    private static string CallOf(string setting, SettingsPlan plan, Guid clusterId) => setting switch
    {
        "watchdog" => "POST or PUT vms/ID/watchdogs",
        "graphics consoles" => "POST or DELETE vms/ID/graphicsconsoles",
        "CD-ROM" => "PUT vms/ID/cdroms/ID",
        _ when plan.Tags.Any(tag => setting == SettingsPlanner.TagName(tag)) => "POST vms/ID/tags",
        _ when plan.NewGroups.Any(group => setting == SettingsPlanner.GroupName(group)) => $"POST clusters/{clusterId}/affinitygroups, POST clusters/{clusterId}/affinitygroups/ID/vms",
        _ when plan.Wanted.AffinityGroups.Any(group => setting == SettingsPlanner.GroupName(group.Name)) => $"POST clusters/{clusterId}/affinitygroups/ID/vms",
        _ when plan.Wanted.AffinityLabels.Any(label => setting == SettingsPlanner.LabelName(label)) => "POST affinitylabels/ID/vms",
        _ => "PUT vms/ID",
    };

    private static IEnumerable<string> Join(RestorePlan plan)
    {
        foreach (var disk in plan.Disks)
        {
            yield return $"POST vms/{plan.Target!.Id}/diskattachments ({disk.Alias}{(disk.Plan.Active ? "" : ", unplugged")})";
        }

        yield return "PUT disks/ID (description without our mark)";
    }

    private static IEnumerable<string> PutBack(RestorePlan plan) =>
        plan.Disks.Select(disk => $"POST vms/{plan.Target!.Id}/diskattachments ({disk.Replaces?.Alias}, as it was)");

    private static IEnumerable<string> Switch(RestorePlan plan)
    {
        var vm = plan.Target!.Id;
        foreach (var old in plan.Disks.Select(disk => disk.Replaces).OfType<ReplacedDisk>())
        {
            yield return $"DELETE vms/{vm}/diskattachments/{old.DiskId} (detach only {old.Alias})";
        }

        foreach (var disk in plan.Disks)
        {
            yield return $"POST vms/{vm}/diskattachments ({disk.Alias})";
        }

        foreach (var old in plan.Disks.Select(disk => disk.Replaces).OfType<ReplacedDisk>())
        {
            yield return $"DELETE disks/{old.DiskId} ({old.Alias})";
        }

        yield return DropCheckpoints(vm);
    }

    private static string DropCheckpoints(Guid vmId) => $"DELETE vms/{vmId}/checkpoints/ID (each that this installation made)";

    private static IEnumerable<string> After(RestoreDetails details, RestorePlan plan) =>
        details.Start ? [$"POST vms/{plan.Target?.Id.ToString() ?? "ID"}/start"] : [];
}
