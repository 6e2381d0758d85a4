// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Parsing;

namespace OvirtDistributed.Cli.Invocation;

/// <summary>
/// Refuses options and arguments with an empty value: most often a variable of a script that is not set. Taken as "not given" such a backup would run without its pre-command, or go
/// to another repository.
/// </summary>
internal static class EmptyValues
{
    public static void Refuse(Command command)
    {
        foreach (var option in command.Options.Where(option => IsText(option.ValueType) && !MayBeEmpty(option.Name)))
        {
            option.Validators.Add(result => Refuse(option.Name, result, "or leave the option away"));
        }

        foreach (var argument in command.Arguments.Where(argument => IsText(argument.ValueType)))
        {
            argument.Validators.Add(result => Refuse(argument.Name, result, "or leave it away"));
        }

        foreach (var subcommand in command.Subcommands)
        {
            Refuse(subcommand);
        }
    }

    private static void Refuse(string name, SymbolResult result, string otherwise)
    {
        if (result.Tokens.Any(token => string.IsNullOrWhiteSpace(token.Value)))
        {
            result.AddError($"{name} is empty: write what is meant, {otherwise}.");
        }
    }

    private static bool IsText(Type type) => type == typeof(string) || type == typeof(string[]);

    /// <summary>An argument of a program is whatever the program takes.</summary>
    private static bool MayBeEmpty(string option) => option.EndsWith("-arg", StringComparison.Ordinal);
}
