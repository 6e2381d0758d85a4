// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using Xunit;

namespace OvirtDistributed.Tests.Cli.Fakes;

/// <summary>Compares output with a file beside the tests. <c>OVD_UPDATE_GOLDEN=1</c> writes the files instead; the difference is then reviewed.</summary>
internal static class Golden
{
    public static void Matches(string name, string actual, [CallerFilePath] string testFile = "")
    {
        var path = Path.Combine(Path.GetDirectoryName(testFile)!, "Golden", name);
        if (System.Environment.GetEnvironmentVariable("OVD_UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(path, actual);
            return;
        }

        Assert.True(File.Exists(path), $"{path} is missing: run the test with OVD_UPDATE_GOLDEN=1 and review what it wrote.");
        Assert.Equal(File.ReadAllText(path), actual);
    }
}
