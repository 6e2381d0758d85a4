// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Text.RegularExpressions;

namespace OvirtDistributed.Cli.Invocation;

/// <summary>
/// The backup server names fields of requests; an operator knows options and arguments. What a command sends in a field is mostly called like it:
/// <c>freeze_timeout</c> is <c>--freeze-timeout</c>, <c>exclude_disks</c> is <c>--exclude-disk</c>, <c>vms</c> is VM. The others stand here.
/// </summary>
internal static partial class FieldNames
{
    private const int LongestValue = 80;
    private static readonly TimeSpan MatchTime = TimeSpan.FromSeconds(1);

    /// <summary>Several where commands differ: the first one that the command has is meant.</summary>
    private static readonly Dictionary<string, string[]> Others = new(StringComparer.Ordinal)
    {
        ["accept_loss"] = ["--yes"],
        ["allow_last"] = ["--last"],
        ["bytes_per_second"] = ["--max-rate"],
        ["ca_pem"] = ["--ca-file"],
        ["chunk_average_bytes"] = ["--chunk-average"],
        ["clear_default"] = ["--not-default"],
        ["commands.guest.address"] = ["--guest-address"],
        ["commands.guest.known_hosts"] = ["--guest-known-hosts"],
        ["commands.guest.port"] = ["--guest-port"],
        ["commands.guest.private_key"] = ["--guest-key-file"],
        ["commands.guest"] = ["--guest-user"],
        ["commands.guest.user"] = ["--guest-user"],
        ["commands.post.arguments"] = ["--post-arg"],
        ["commands.post.name"] = ["--post-command"],
        ["commands.pre.arguments"] = ["--pre-arg"],
        ["commands.pre.name"] = ["--pre-command"],
        ["commands.pre_failure"] = ["--pre-failure"],
        ["commands.time_limit"] = ["--command-timeout"],
        ["host_addresses"] = ["--host-address"],
        ["id"] = ["JOB", "POINT"],
        ["known_hosts"] = ["--known-hosts", "--guest-known-hosts"],
        ["make_default"] = ["--default"],
        ["mover_address"] = ["--mover"],
        ["nic_macs"] = ["--mac"],
        ["password"] = ["--password-file"],
        ["patterns"] = ["--match"],
        ["private_key"] = ["--key-file", "--guest-key-file"],
        ["repository"] = ["--repository", "--to", "REPOSITORY"],
        ["rule.daily"] = ["--keep-daily"],
        ["rule.hourly"] = ["--keep-hourly"],
        ["rule.last"] = ["--keep-last"],
        ["rule.monthly"] = ["--keep-monthly"],
        ["rule.time_zone"] = ["--time-zone"],
        ["rule.weekly"] = ["--keep-weekly"],
        ["rule.within_days"] = ["--keep-within"],
        ["rule.yearly"] = ["--keep-yearly"],
        ["running_only"] = ["--running"],
        ["slot_id"] = ["SLOT"],
        ["transport_mode"] = ["--mode"],
        ["vm"] = ["--vm", "--to-vm", "VM"],
        ["vms"] = ["VM", "--to-vm"], // One VM is looked up as a selection of VMs is.
    };

    /// <summary>The option or argument whose value the command sends in the field; null where it sends none.</summary>
    public static Symbol? SymbolOf(Command command, string field)
    {
        var kebab = "--" + field.Replace('_', '-');
        var upper = field.ToUpperInvariant();
        string[] names = [.. Others.GetValueOrDefault(field, []), kebab, kebab.TrimEnd('s'), upper, upper.TrimEnd('S')];
        var symbols = command.Options.Cast<Symbol>().Concat(command.Arguments).ToList();
        return names.Select(name => symbols.Find(symbol => symbol.Name == name)).FirstOrDefault(symbol => symbol is not null);
    }

    /// <summary>The failure in the words of the command line that led to it.</summary>
    public static Failure Translate(Failure failure, ParseResult parse)
    {
        var message = failure.Message;
        // An older server says it in the text only. Longest first: commands.guest.user begins like commands.guest.
        var named = failure.Fields.Count == 0 && Begin().Match(message) is { Success: true } begin ? [begin.Groups["field"].Value] : failure.Fields;
        foreach (var field in named.OrderByDescending(field => field.Length))
        {
            if (SymbolOf(parse.CommandResult.Command, field) is { } symbol)
            {
                message = Replace(message, field, symbol, ValueOf(parse, symbol));
            }
        }

        return failure with { Message = message };
    }

    /// <summary>
    /// A name of several words is the field wherever it stands outside quotes; one word may be any word of the sentence, and is the field where a line begins
    /// with it. The value that follows is the server's idea of it: what was typed is put in its place.
    /// </summary>
    private static string Replace(string message, string field, Symbol symbol, string? typed)
    {
        var name = Regex.Escape(field) + @"(\[(?<key>[^\]]*)\])?(?![\w-]|\.\w)(?<value> '(?<text>[^']*)')?";
        var pattern = field.AsSpan().ContainsAny('_', '.') ? $@"(?<quoted>(?<!\w)'[^'\n]*'(?!\w))|(?<![\w.-]){name}" : $"(?<quoted>$^)|(?m:^){name}";
        return Regex.Replace(message, pattern, match => match.Groups["quoted"].Success ? match.Value : Written(match, symbol, typed), RegexOptions.ExplicitCapture, MatchTime);
    }

    /// <summary>How a refusal begins that is about a field.</summary>
    [GeneratedRegex(@"^(?<field>[a-z][a-z_.]*)(\[[^\]]*\])?( '[^']*')?( cannot be used:| is needed|:)", RegexOptions.ExplicitCapture)]
    private static partial Regex Begin();

    private static string Written(Match match, Symbol symbol, string? typed)
    {
        var key = match.Groups["key"] is { Success: true } group ? $" {group.Value}" : "";
        if (!match.Groups["value"].Success || symbol is Option<bool>)
        {
            return symbol.Name + key;
        }

        return $"{symbol.Name}{key} '{(key.Length == 0 && typed is not null ? typed : match.Groups["text"].Value)}'";
    }

    /// <summary>What was typed, where it was one thing that is short enough to be shown.</summary>
    private static string? ValueOf(ParseResult parse, Symbol symbol)
    {
        var tokens = symbol switch
        {
            Option option => parse.GetResult(option)?.Tokens,
            Argument argument => parse.GetResult(argument)?.Tokens,
            _ => null,
        };
        return tokens is [{ Value.Length: <= LongestValue } only] && !only.Value.Contains('\'') ? only.Value : null;
    }
}
