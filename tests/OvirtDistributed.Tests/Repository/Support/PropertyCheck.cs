// SPDX-License-Identifier: Apache-2.0
using FsCheck;

namespace OvirtDistributed.Tests.Repository.Support;

internal static class PropertyCheck
{
    /// <summary>Runs a property; a failure names the smallest case found and the seed that replays it.</summary>
    public static void Holds(this Property property, int runs = 100) => Check.One(Config.QuickThrowOnFailure.WithMaxTest(runs), property);
}
