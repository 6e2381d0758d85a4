// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Text;

namespace OvirtDistributed.Server.Managers;

/// <summary>A manager's id follows from its address, so that a rebuilt server finds the restore points of the managers it had before.</summary>
internal static class ManagerIdentity
{
    public static Guid Of(Uri url) =>
        new(SHA256.HashData(Encoding.UTF8.GetBytes($"ovd manager {url.IdnHost.ToLowerInvariant()}:{url.Port}")).AsSpan(0, 16));
}
