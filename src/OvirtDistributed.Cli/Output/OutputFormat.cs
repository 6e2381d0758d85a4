// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Output;

internal enum OutputFormat
{
    Table,
    Json,
}
