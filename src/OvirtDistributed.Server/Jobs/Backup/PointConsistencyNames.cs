// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>What is known about the guest's file systems at the point in time.</summary>
internal static class PointConsistencyNames
{
    public const string Unknown = "unknown";
    public const string Crash = "crash";
    public const string FileSystem = "file-system";
    public const string PoweredOff = "powered-off";

    /// <summary>Of a VM that is down: a guest that was cut off left its file systems as a power failure does.</summary>
    public static string OfStopped(BackupDetails details) => details.PoweredOffHard ? Crash : PoweredOff;

    /// <summary>The same in words; empty where there is nothing to add.</summary>
    public static string DetailOfStopped(BackupDetails details) => details.PoweredOffHard ? "the VM was powered off hard just before: its guest did not shut down" : "";
}
