// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Points;

/// <summary>points/manager/vm/time_point_job.json: the name alone is enough for a list and for idempotence by job.</summary>
internal static class PointNames
{
    public const string Folder = "points";
    private const string TimeFormat = "yyyyMMdd'T'HHmmssfff'Z'";
    private const string Suffix = ".json";

    public static PointInfo InfoOf(VmManifest manifest)
    {
        // The name keeps milliseconds; the info must not differ between the moment of the commit and the next opening.
        var created = manifest.Created.ToUniversalTime();
        created = new DateTimeOffset(created.Ticks - (created.Ticks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero);
        var time = created.ToString(TimeFormat, CultureInfo.InvariantCulture);
        return new PointInfo
        {
            ManagerId = StorageNames.RequireId(manifest.ManagerId, "manager id"),
            VmId = StorageNames.RequireId(manifest.VmId, "VM id"),
            PointId = StorageNames.RequireId(manifest.PointId, "point id"),
            JobId = StorageNames.RequireId(manifest.JobId, "job id"),
            Created = created,
            Path = $"{Folder}/{manifest.ManagerId}/{manifest.VmId}/{time}_{manifest.PointId}_{manifest.JobId}{Suffix}",
        };
    }

    /// <summary>Null when the name is not one of a point.</summary>
    public static PointInfo? Parse(string path)
    {
        var parts = path.Split('/');
        if (parts is not [Folder, var manager, var vm, var file] || !file.EndsWith(Suffix, StringComparison.Ordinal))
        {
            return null;
        }

        var fields = file[..^Suffix.Length].Split('_');
        var valid = fields.Length == 3 && StorageNames.IsId(manager) && StorageNames.IsId(vm) && StorageNames.IsId(fields[1]) && StorageNames.IsId(fields[2]);
        if (!valid || !DateTimeOffset.TryParseExact(
            fields[0], TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var created))
        {
            return null;
        }

        return new PointInfo { ManagerId = manager, VmId = vm, PointId = fields[1], JobId = fields[2], Created = created, Path = path };
    }
}
