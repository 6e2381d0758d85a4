// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

internal enum JobKind
{
    Backup,
    Restore,

    /// <summary>A restore point goes to another repository.</summary>
    Copy,
}
