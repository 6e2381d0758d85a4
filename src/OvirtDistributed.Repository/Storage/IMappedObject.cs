// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Storage;

/// <summary>A read-only mapping. The caller keeps it alive while a span of it is in use.</summary>
public interface IMappedObject : IDisposable
{
    /// <summary>Length in bytes; may be above what one span can hold.</summary>
    long Length { get; }

    /// <summary>A part of the mapping.</summary>
    ReadOnlySpan<byte> Slice(long offset, int length);
}
