// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

internal enum JobKind
{
    Backup,
    Restore,

    /// <summary>A restore point goes to another repository.</summary>
    Copy,

    /// <summary>A restore point is read with its key and compared with its digests.</summary>
    Verify,
}
