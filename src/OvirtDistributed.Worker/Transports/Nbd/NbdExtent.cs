// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.Nbd;

/// <summary>A run of bytes with one status word, whose meaning the meta context gives.</summary>
internal readonly record struct NbdExtent(uint LengthBytes, uint Flags);

/// <summary>Status of a range by meta context name, from its start. A list may cover less than was asked, and its last extent more.</summary>
internal sealed class NbdBlockStatus
{
    private readonly Dictionary<string, IReadOnlyList<NbdExtent>> _byContext = new(StringComparer.Ordinal);

    /// <summary>Extents of a context; empty when the server sent none.</summary>
    public IReadOnlyList<NbdExtent> Of(string context) => _byContext.GetValueOrDefault(context) ?? [];

    internal void Set(string context, IReadOnlyList<NbdExtent> extents) => _byContext[context] = extents;
}

/// <summary>Names and bits of the meta contexts in use.</summary>
internal static class NbdContexts
{
    /// <summary>Bit 0: hole, bit 1: reads as zeroes.</summary>
    public const string BaseAllocation = "base:allocation";

    public const uint ReadsZero = 2;

    /// <summary>The status word is the depth of the layer that allocates the range; 0 means none does.</summary>
    public const string AllocationDepth = "qemu:allocation-depth";
}
