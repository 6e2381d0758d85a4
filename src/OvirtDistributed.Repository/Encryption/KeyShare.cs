// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Encryption;

/// <summary>One recovery share of a key slot. Secret, though one alone tells nothing.</summary>
/// <param name="SlotId">The slot it belongs to.</param>
/// <param name="Threshold">How many are needed.</param>
/// <param name="Number">1 to 255.</param>
/// <param name="Part">32 bytes.</param>
public sealed record KeyShare(Guid SlotId, int Threshold, byte Number, ReadOnlyMemory<byte> Part)
{
    public override string ToString() => $"share {Number} of key slot {SlotId}";
}
