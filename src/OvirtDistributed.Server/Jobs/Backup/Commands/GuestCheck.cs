// SPDX-License-Identifier: Apache-2.0

using System.Text;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Managers.Ssh;

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>What can be said of commands in a guest without reaching it.</summary>
internal static class GuestCheck
{
    private const int LongestUser = 32;
    private const int LongestAddress = 253;
    private const int LongestPath = 4096;

    // One word of a command line may have 128 KiB, and the shell of the guest's user gets all of it as one.
    private const int LongestCommandLine = 96 << 10;

    /// <exception cref="OperatorException">The access cannot work; names field and value, and never shows the key.</exception>
    public static void Check(GuestAccess guest, string privateKey)
    {
        if (guest.User.Length is 0 or > LongestUser || guest.User[0] is '-' or '.' || !guest.User.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-' or '.'))
        {
            throw OperatorException.Invalid("commands.guest.user", guest.User, $"write the user's name in the guest, 1 to {LongestUser} letters, digits, '_', '-' or '.'.");
        }

        if (guest.Address.Length > LongestAddress || guest.Address.StartsWith('-')
            || !guest.Address.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or ':' or '%'))
        {
            throw OperatorException.Invalid("commands.guest.address", guest.Address, "write a host name, an IPv4 or an IPv6 address without brackets and port, or nothing to have the manager asked.");
        }

        if (guest.Port is < 1 or > 65535)
        {
            throw OperatorException.Invalid("commands.guest.port", $"{guest.Port}", "write 1 to 65535, or 0 for 22.");
        }

        _ = PrivateKeyText.Checked(privateKey);
        var known = KnownHosts.Parse(guest.KnownHosts);
        if (guest.Address.Length > 0 && known.Has(guest.KeyName(guest.Address)) == false)
        {
            throw OperatorException.Invalid(
                "commands.guest.known_hosts", string.Join(", ", known.Names.Take(5)), $"it has no key for {guest.KeyName(guest.Address)}; add that line (ssh-keyscan, compared in the guest itself).");
        }
    }

    /// <exception cref="OperatorException">No such program can be called in a guest.</exception>
    public static void Check(string field, CommandLine command)
    {
        var name = command.Name;
        if (name.Length is 0 or > LongestPath || name is "." or ".." || (name.Contains('/') && name[0] != '/') || name[0] == '-' || name.Any(letter => letter == '=' || char.IsControl(letter)))
        {
            throw OperatorException.Invalid($"{field}.name", name, "name a program of the guest: its absolute path, or a name that is found through PATH there; without '=' and not beginning with '-'.");
        }

        var length = command.Arguments.Sum(argument => Encoding.UTF8.GetByteCount(argument) + 3 + (3 * argument.Count(letter => letter == '\'')));
        if (length > LongestCommandLine)
        {
            throw OperatorException.Invalid($"{field}.arguments", $"{command.Arguments.Count} arguments", $"together they have {length} bytes, and an SSH command has room for {LongestCommandLine}.");
        }
    }

    /// <exception cref="OperatorException">One address is given for several guests.</exception>
    public static void CheckReach(BackupCommands? commands, IReadOnlyList<EngineVm> vms)
    {
        if (commands?.Guest is { Address.Length: > 0 } guest && vms.Count > 1)
        {
            throw OperatorException.Invalid(
                "commands.guest.address", guest.Address, $"the request is for {vms.Count} VMs, and this is one guest: leave it out, so that the manager is asked for each, or back up one VM at a time.");
        }
    }
}
