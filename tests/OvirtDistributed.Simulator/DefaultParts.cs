// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator;

/// <summary>The real storage and ImageIO halves.</summary>
internal static class DefaultParts
{
    public static SimulatorParts Create() => throw new NotSupportedException("The storage half is not part of this build.");
}
