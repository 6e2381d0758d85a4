// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using OvirtDistributed.Server.Managers.Ssh;

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>Chooses among the addresses that a guest's agent reports.</summary>
internal static class GuestAddress
{
    /// <param name="guest">Whose keys are pinned.</param>
    /// <param name="reported">In the order of the VM's NICs.</param>
    /// <returns>The first that workers can use, or what to do where there is none.</returns>
    public static (string Address, string Problem) Choose(GuestAccess guest, IReadOnlyList<string> reported)
    {
        var usable = reported.Where(IsUsable).ToList();
        if (usable.Count == 0)
        {
            var rest = reported.Count == 0 ? "no address" : $"no address that workers could use ({string.Join(", ", reported)})";
            return ("", $"the manager knows {rest} of its guest, whose agent may be missing or not running: give the address (--guest-address)");
        }

        // A guest with several networks may have its key pinned for one of them.
        var known = KnownHosts.Parse(guest.KnownHosts);
        var address = usable.Find(candidate => known.Has(guest.KeyName(candidate)) == true) ?? usable.Find(candidate => known.Has(guest.KeyName(candidate)) is null);
        return address is not null
            ? (address, "")
            : ("", $"no SSH host key is pinned for {string.Join(" or ", usable.Select(guest.KeyName))}, which the manager knows of its guest: add its line (ssh-keyscan, compared in the guest itself) to the known hosts, or give another address (--guest-address)");
    }

    private static bool IsUsable(string text) =>
        IPAddress.TryParse(text, out var address)
        && !IPAddress.IsLoopback(address)
        && !address.IsIPv6LinkLocal && !address.IsIPv6Multicast && !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any)
        && !(address.AddressFamily == AddressFamily.InterNetwork && address.GetAddressBytes() is [169, 254, ..] or [>= 224, ..]);
}
