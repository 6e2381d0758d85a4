// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Chunking;

/// <summary>Finds zeros at memory speed.</summary>
public static class ZeroScan
{
    /// <summary>True when every byte is zero (also of nothing).</summary>
    public static bool IsZero(ReadOnlySpan<byte> data)
    {
        // Data pages nearly always differ from zero in their first bytes: settle those without starting the vector loop.
        if (data.Length >= sizeof(ulong) && BitConverter.ToUInt64(data) != 0)
        {
            return false;
        }

        return data.IndexOfAnyExcept((byte)0) < 0;
    }
}
