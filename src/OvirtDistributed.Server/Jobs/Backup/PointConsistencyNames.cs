// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>What is known about the guest's file systems at the point in time.</summary>
internal static class PointConsistencyNames
{
    public const string Unknown = "unknown";
    public const string Crash = "crash";
    public const string FileSystem = "file-system";
    public const string PoweredOff = "powered-off";
}
