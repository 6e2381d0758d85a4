// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Invocation;

/// <summary>Repeated options of the form NAME=VALUE.</summary>
internal static class NameValuePairs
{
    /// <exception cref="CliException">One has no name or value, or a name comes twice.</exception>
    public static Dictionary<string, string> Parse(string option, string[]? values)
    {
        var pairs = new Dictionary<string, string>();
        foreach (var value in values ?? [])
        {
            var split = value.IndexOf('=', StringComparison.Ordinal);
            if (split <= 0 || split == value.Length - 1)
            {
                throw CliException.Invalid($"{option} '{value}' cannot be used: write NAME=VALUE.");
            }

            if (!pairs.TryAdd(value[..split], value[(split + 1)..]))
            {
                throw CliException.Invalid($"{option} names '{value[..split]}' twice.");
            }
        }

        return pairs;
    }
}
