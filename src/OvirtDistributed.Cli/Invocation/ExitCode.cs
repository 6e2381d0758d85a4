// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Invocation;

/// <summary>What <c>ovd</c> ends with. A promise to scripts: values are added, never changed.</summary>
internal enum ExitCode
{
    Ok = 0,
    JobFailed = 1,
    Usage = 2,
    NotFound = 3,
    Unavailable = 4,
    Refused = 5,
    Warning = 6,
    Unauthorized = 7,
    DataDamaged = 8,
    Unexpected = 9,
    LocalFile = 10,
    Interrupted = 130,
}
