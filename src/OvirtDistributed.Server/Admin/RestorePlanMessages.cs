// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Settings;
using Wire = OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Server.Admin;

/// <summary>Restore requests and plans as the admin API has them.</summary>
internal static class RestorePlanMessages
{
    private const string MoreThanAPlan = "a plan says all that is to be done; leave the point and every other option out, or plan anew with them.";

    /// <exception cref="OperatorException">The request contradicts itself.</exception>
    public static RestoreRequest RequestOf(Wire.RestoreVmRequest request) => new()
    {
        Point = request.Point,
        Scope = request.Overwrite ? RestoreScope.Overwrite : RestoreScope.NewVm,
        Name = request.Name,
        Manager = request.Manager,
        Cluster = request.Cluster,
        StorageDomain = request.StorageDomain,
        Format = request.Format,
        Allocation = request.Allocation,
        Nics = NicsOf(request.Nics),
        NicMacs = request.NicMacs,
        Networks = request.Networks,
        Start = request.Start,
        Verify = !request.NoVerify,
        TransportMode = request.TransportMode,
        PowerOff = request.PowerOff,
        SafetyPoint = !request.NoSafetyPoint,
        LossAccepted = request.AcceptLoss,
        CreateAffinityGroups = request.CreateAffinityGroups,
        RequestId = request.RequestId,
    };

    public static RestoreRequest RequestOf(Wire.RestoreDiskRequest request) => new()
    {
        Point = request.Point,
        Scope = request.InPlace ? RestoreScope.InPlace : RestoreScope.Disk,
        Disk = request.Disk,
        Vm = request.Vm,
        Manager = request.Manager,
        StorageDomain = request.StorageDomain,
        Format = request.Format,
        Allocation = request.Allocation,
        Activate = request.Activate,
        Verify = !request.NoVerify,
        TransportMode = request.TransportMode,
        PowerOff = request.PowerOff,
        SafetyPoint = !request.NoSafetyPoint,
        LossAccepted = request.AcceptLoss,
        Start = request.Start,
        RequestId = request.RequestId,
    };

    /// <summary>A plan is applied as it was made: whoever gives more than its digest means something else.</summary>
    /// <exception cref="OperatorException">More was given.</exception>
    public static void RequireNothingElse(Wire.RestoreVmRequest request)
    {
        if (!request.Equals(new Wire.RestoreVmRequest { Plan = request.Plan, RequestId = request.RequestId, AcceptLoss = request.AcceptLoss }))
        {
            throw OperatorException.Invalid("plan", request.Plan, MoreThanAPlan);
        }
    }

    /// <inheritdoc cref="RequireNothingElse(Wire.RestoreVmRequest)"/>
    public static void RequireNothingElse(Wire.RestoreDiskRequest request)
    {
        if (!request.Equals(new Wire.RestoreDiskRequest { Plan = request.Plan, RequestId = request.RequestId, AcceptLoss = request.AcceptLoss }))
        {
            throw OperatorException.Invalid("plan", request.Plan, MoreThanAPlan);
        }
    }

    public static Wire.RestoredSetting ToWire(SettingOutcome setting) =>
        new() { Name = setting.Name, Value = setting.Value, Restored = setting.Restored, Reason = setting.Reason };

    public static Wire.RestorePlan ToWire(PreviewedRestore preview)
    {
        var (subject, plan) = (preview.Subject, preview.Plan);
        var (mode, reason) = subject.Details.TransportMode switch
        {
            TransportModes.DiskAttachment when subject.Details.Scope == RestoreScope.InPlace => (TransportModes.DiskAttachment, "the disk is attached to the VM of a worker, which writes what differs"),
            TransportModes.Ssh when subject.Details.Scope == RestoreScope.InPlace => (TransportModes.Ssh, "a host opens the disk, the worker writes what differs over SSH"),
            TransportModes.DiskAttachment => (TransportModes.DiskAttachment, "as asked: the disks are attached to the VM of a worker"),
            TransportModes.Ssh => (TransportModes.Ssh, "as asked: a host writes the disks, the worker reaches it over SSH"),
            _ => (TransportModes.ImageTransfer, "the worker uploads through the manager's image transfers"),
        };
        var message = new Wire.RestorePlan
        {
            Digest = preview.Digest,
            PointId = subject.Point.Id,
            VmName = subject.Point.VmName,
            TargetVm = subject.Details.NewName,
            Manager = subject.Manager.Name,
            Cluster = subject.Cluster.Name,
            TransportMode = mode,
            TransportReason = reason,
            WriteBytesAtMost = plan.Disks.Sum(disk => disk.WriteBytesAtMost),
        };
        message.Refusals.AddRange(plan.Problems);
        message.Notes.AddRange(plan.Notes);
        message.Notes.AddRange(plan.Problems.Count == 0 ? WarningsOf(subject.Details, plan) : []);
        message.Disks.AddRange(plan.Disks.Select(ToWire));
        message.Nics.AddRange(plan.Nics.Select(nic => ToWire(nic, plan)));
        message.Settings.AddRange(plan.Settings.Outcomes.Select(ToWire));
        message.Calls.AddRange(plan.Problems.Count == 0 ? PlannedRestoreCalls.Of(subject.Details, plan) : []);
        return message;
    }

    /// <summary>What an operator should know before, and what is no difference from the restore point. Of one that can be done: it is told as what comes.</summary>
    private static IEnumerable<string> WarningsOf(RestoreDetails details, RestorePlan plan)
    {
        if (details.RewritesVm() && !details.SafetyPoint)
        {
            yield return "no safety point is made: what the VM's disks hold now cannot be brought back";
        }

        if (details.RewritesVm() && plan.Target is { Status: not "down" } running)
        {
            yield return $"VM {running.Name} is {running.Status} and is powered off, hard, as the first thing";
        }

        if (details.Scope == RestoreScope.InPlace)
        {
            yield return "the checkpoints of this installation are deleted from the VM: its next backup is a full one";
        }
    }

    private static Wire.PlannedRestoreDisk ToWire(RestoredDisk disk) => new()
    {
        Id = disk.Disk.DiskId,
        Alias = disk.Disk.Alias,
        SizeBytes = disk.Disk.Root.DiskSize,
        StorageDomain = disk.Domain.Name,
        Format = disk.Plan.Format,
        Allocation = disk.Plan.Sparse ? "sparse" : "preallocated",
        WriteBytesAtMost = disk.WriteBytesAtMost,
        Replaces = disk.Replaces is { } old ? $"{old.Alias} ({old.DiskId})" : "",
    };

    private static Wire.PlannedRestoreNic ToWire(RestoreNicPlan nic, RestorePlan plan) => new()
    {
        Name = nic.Name,
        Network = nic.VnicProfileId is { } profile ? plan.Networks.GetValueOrDefault(profile, $"{profile}") : "",
        OriginalNetwork = plan.Vm.Nics.FirstOrDefault(original => original.Name == nic.Name)?.Network ?? "",
        Mac = nic.Mac ?? "",
        Plugged = nic.Plugged,
        MacOwner = plan.Collisions.FirstOrDefault(taken => taken.Nic == nic.Name)?.Vm ?? "",
    };

    private static NicChoice NicsOf(Wire.NicMode mode) => mode switch
    {
        Wire.NicMode.Unspecified or Wire.NicMode.NewMac => NicChoice.NewMac,
        Wire.NicMode.KeepMac => NicChoice.KeepMac,
        Wire.NicMode.Disconnected => NicChoice.Disconnected,
        Wire.NicMode.None => NicChoice.None,
        _ => throw OperatorException.Invalid("nics", mode.ToString(), "use new-mac, keep-mac, disconnected or none."),
    };
}
