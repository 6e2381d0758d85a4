// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Lab.Processes;

namespace OvirtDistributed.Lab.Sites;

/// <summary>Compares what a guest would see on a disk with a reference file, byte by byte; holes count as zeroes.</summary>
public static class ImageComparison
{
    /// <summary>Null when both are equal; otherwise what differs.</summary>
    public static async Task<string?> DifferenceAsync(LabSite site, Guid diskId, string referenceFile, CancellationToken cancellationToken)
    {
        var restored = Path.Combine(site.DataDirectory, $"compare-{Guid.NewGuid():N}.raw");
        try
        {
            await site.Simulator.Engine.SaveReferenceAsync(diskId, restored, cancellationToken);
            return await DifferenceAsync(referenceFile, restored, cancellationToken);
        }
        finally
        {
            File.Delete(restored);
        }
    }

    /// <summary>The same for two raw files. The comparison is qemu-img's, not ours; it takes a missing end for zeroes, so lengths are compared before.</summary>
    public static async Task<string?> DifferenceAsync(string referenceFile, string otherFile, CancellationToken cancellationToken)
    {
        var (expected, actual) = (new FileInfo(referenceFile).Length, new FileInfo(otherFile).Length);
        if (expected != actual)
        {
            return $"{expected} bytes expected, {actual} found.";
        }

        try
        {
            _ = await ChildProcess.RunAsync("qemu-img", ["compare", "-f", "raw", "-F", "raw", referenceFile, otherFile], null, cancellationToken);
            return null;
        }
        catch (InvalidOperationException failure)
        {
            return failure.Message;
        }
    }
}
