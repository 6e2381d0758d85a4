// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Workers;

internal static class EmbeddedWorkerName
{
    /// <summary>What the names of workers inside the server begin with.</summary>
    public const string Prefix = "embedded-";
}
