// SPDX-License-Identifier: Apache-2.0

using System.Text;

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>Builds the query part of a path.</summary>
internal static class EngineQuery
{
    /// <summary>Appends the parameters whose value is not null.</summary>
    public static string With(string path, params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        var text = new StringBuilder(path);
        var separator = path.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        foreach (var (name, value) in parameters)
        {
            if (value is not null)
            {
                text.Append(separator).Append(name).Append('=').Append(Uri.EscapeDataString(value));
                separator = '&';
            }
        }

        return text.ToString();
    }
}
