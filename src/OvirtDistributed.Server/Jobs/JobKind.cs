// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

internal enum JobKind
{
    Backup,
    Restore,
}
