// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Output;

/// <summary>Ids as a table shows them: their first characters, as many as keep them apart. Commands accept them where they are unique.</summary>
internal static class ShortIds
{
    private const int Least = 8;

    public static int LengthFor(IEnumerable<string> ids)
    {
        var all = ids.Where(id => id.Length > 0).Distinct().ToList();
        var length = Least;
        while (length < 64 && all.Select(id => Cut(id, length)).Distinct().Count() < all.Count)
        {
            length++;
        }

        return length;
    }

    public static string Cut(string id, int length = Least) => id.Length <= length ? id : id[..length];
}
