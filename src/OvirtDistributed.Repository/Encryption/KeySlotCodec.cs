// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Points;

namespace OvirtDistributed.Repository.Encryption;

/// <summary>The stored form of a key slot.</summary>
public static class KeySlotCodec
{
    private const string Format = "key-slot";
    private const int MostBytes = 64 << 10;

    public static byte[] Write(KeySlot slot) => TextEnvelope.Write(Format, slot, RepositoryJson.Default.KeySlot);

    /// <exception cref="RepositoryException">Damaged, of a newer format, or with values that cannot be; the message names the object.</exception>
    public static KeySlot Read(string name, ReadOnlySpan<byte> content)
    {
        if (content.Length > MostBytes)
        {
            throw RepositoryException.Damaged($"{name}: {content.Length} bytes, far too long for a key slot");
        }

        var slot = TextEnvelope.Read(name, content, Format, RepositoryJson.Default.KeySlot);
        var fault = slot switch
        {
            _ when !Enum.IsDefined(slot.Kind) => $"kind {slot.Kind}",
            _ when slot.WrappedKey.Length != KeySlots.WrappedLength => $"a wrapped key of {slot.WrappedKey.Length} bytes",
            { Kind: KeySlotKind.Passphrase, Iterations: < 1 or > KeySlots.MostIterations } => $"{slot.Iterations} iterations",
            { Kind: KeySlotKind.Shares, Threshold: < 2 } => $"a threshold of {slot.Threshold}",
            _ when slot.Label.Length > KeySlots.MostLabel => $"a label of {slot.Label.Length} characters",
            _ => null,
        };
        return fault is null ? slot : throw RepositoryException.Damaged($"{name}: it has {fault}");
    }
}
