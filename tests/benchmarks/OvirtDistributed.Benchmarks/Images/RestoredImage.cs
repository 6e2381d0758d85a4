// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Benchmarks.Processes;

namespace OvirtDistributed.Benchmarks.Images;

/// <summary>A time counts only when what was restored is what was backed up.</summary>
internal static class RestoredImage
{
    /// <exception cref="InvalidOperationException">The images differ.</exception>
    public static async Task CompareAsync(string contender, string expected, string restored, CancellationToken cancellationToken)
    {
        // Without this, a longer image that ends in zeroes would pass.
        if (new FileInfo(restored).Length != new FileInfo(expected).Length)
        {
            throw new InvalidOperationException(
                $"{contender} restored {new FileInfo(restored).Length} bytes of a disk of {new FileInfo(expected).Length}.");
        }

        try
        {
            _ = await Tools.RunAsync("qemu-img", ["compare", "-f", "raw", "-F", "raw", expected, restored], null, cancellationToken);
        }
        catch (InvalidOperationException failure)
        {
            throw new InvalidOperationException($"{contender} did not restore what was backed up: {failure.Message}", failure);
        }
    }
}
