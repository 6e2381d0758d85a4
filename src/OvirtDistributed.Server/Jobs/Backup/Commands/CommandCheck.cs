// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>What can be said of a request's commands without a worker; whether a program is there, only the worker knows.</summary>
internal static class CommandCheck
{
    private const int MostArguments = 100;
    private const int LongestText = 4096;

    /// <exception cref="OperatorException">They cannot be run; names field and value.</exception>
    public static void Check(BackupCommands? commands, string guestKey)
    {
        if (commands is null)
        {
            return;
        }

        if (commands.TimeLimit < TimeSpan.FromSeconds(1) || commands.TimeLimit > BackupCommands.LongestTimeLimit)
        {
            throw OperatorException.Invalid("commands.time_limit", $"{commands.TimeLimit}", $"use 1 second to {BackupCommands.LongestTimeLimit.TotalMinutes:F0} minutes: the application waits meanwhile.");
        }

        if (commands.Guest is { } guest)
        {
            if (commands is { Pre: null, Post: null })
            {
                throw OperatorException.Invalid("commands.guest", guest.Where(), "name a pre-command or a post-command that is to run there.");
            }

            GuestCheck.Check(guest, guestKey);
        }

        Check("commands.pre", commands.Pre, commands.Guest is not null);
        Check("commands.post", commands.Post, commands.Guest is not null);
    }

    private static void Check(string field, CommandLine? command, bool inGuest)
    {
        if (command is null)
        {
            return;
        }

        if (inGuest)
        {
            GuestCheck.Check(field, command);
        }
        else if (command.Name.Length is 0 or > 255 || command.Name is "." or ".." || command.Name.Any(letter => letter == '/' || char.IsControl(letter)))
        {
            throw OperatorException.Invalid($"{field}.name", command.Name, "name a program in the workers' command directory, without a path.");
        }

        if (command.Arguments.Count > MostArguments || command.Arguments.Any(argument => argument.Length > LongestText || argument.Contains('\0')))
        {
            throw OperatorException.Invalid($"{field}.arguments", $"{command.Arguments.Count} arguments", $"use at most {MostArguments} of at most {LongestText} characters.");
        }
    }
}
