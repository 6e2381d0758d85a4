// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Faults;

/// <summary>Matching of a request against a rule's method and path pattern.</summary>
internal static class FaultPath
{
    public static bool Matches(FaultRule rule, string method, string path) =>
        (rule.Method == "*" || rule.Method.Equals(method, StringComparison.OrdinalIgnoreCase)) && Matches(rule.Path, path);

    private static bool Matches(string pattern, string path)
    {
        var wanted = pattern.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var given = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i < wanted.Length; i++)
        {
            if (wanted[i] == "**" && i == wanted.Length - 1)
            {
                return true;
            }

            if (i >= given.Length || (wanted[i] != "*" && !wanted[i].Equals(given[i], StringComparison.OrdinalIgnoreCase)))
            {
                return false;
            }
        }

        return wanted.Length == given.Length;
    }
}
