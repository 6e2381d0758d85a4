// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store.Index;

/// <summary>Stands in for a mapping where the storage has none: the object in memory.</summary>
internal sealed class HeapMapping(byte[] content) : IMappedObject
{
    public long Length => content.Length;

    public static async Task<HeapMapping> LoadAsync(IStorageReader reader, CancellationToken cancellationToken)
    {
        var content = new byte[checked((int)reader.Length)];
        var read = await reader.ReadAsync(0, content, cancellationToken);
        return new HeapMapping(read == content.Length ? content : content[..read]);
    }

    public ReadOnlySpan<byte> Slice(long offset, int length) => content.AsSpan(checked((int)offset), length);

    public void Dispose()
    {
    }
}
