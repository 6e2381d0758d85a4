// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace OvirtDistributed.Simulator.Storage;

/// <summary>The SplitMix64 generator: fast, and its output is the same on every machine and runtime version.</summary>
internal struct SplitMix(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    public void Fill(Span<byte> target)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(target);
        for (var i = 0; i < words.Length; i++)
        {
            words[i] = Next();
        }

        for (var i = words.Length * sizeof(ulong); i < target.Length; i++)
        {
            target[i] = (byte)Next();
        }
    }
}
