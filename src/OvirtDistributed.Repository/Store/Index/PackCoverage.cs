// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace OvirtDistributed.Repository.Store.Index;

/// <summary>All frames in these bytes of a pack are in the run or table at hand.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal readonly record struct PackCoverage(uint Pack, uint From, uint To)
{
    public const int Size = 12;

    /// <summary>Adds a stretch, joined with the last where it goes on from it.</summary>
    public static void Add(List<PackCoverage> list, in PackCoverage next)
    {
        if (list.Count > 0 && list[^1].Pack == next.Pack && list[^1].To == next.From)
        {
            list[^1] = list[^1] with { To = next.To };
            return;
        }

        list.Add(next);
    }

    /// <summary>Sorts and joins.</summary>
    public static List<PackCoverage> Normalise(List<PackCoverage> list)
    {
        list.Sort(static (a, b) => a.Pack != b.Pack ? a.Pack.CompareTo(b.Pack) : a.From.CompareTo(b.From));
        var result = new List<PackCoverage>(list.Count);
        foreach (var item in list)
        {
            if (result.Count > 0 && result[^1].Pack == item.Pack && item.From <= result[^1].To)
            {
                result[^1] = result[^1] with { To = Math.Max(result[^1].To, item.To) };
            }
            else
            {
                result.Add(item);
            }
        }

        return result;
    }
}
