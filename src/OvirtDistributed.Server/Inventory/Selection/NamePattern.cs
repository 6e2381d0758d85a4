// SPDX-License-Identifier: Apache-2.0

using System.IO.Enumeration;

namespace OvirtDistributed.Server.Inventory.Selection;

/// <summary>
/// Patterns of names: <c>*</c> stands for any characters or none, <c>?</c> for exactly one; a backslash before one of them takes it as it is.
/// The whole name has to match. Upper and lower case are the same, as everywhere where an operator names something.
/// </summary>
internal static class NamePattern
{
    public static bool IsPattern(string text) => text.AsSpan().ContainsAny('*', '?');

    public static bool Matches(string pattern, string name) => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: true);
}
