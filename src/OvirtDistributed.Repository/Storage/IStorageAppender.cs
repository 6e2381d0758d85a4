// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Storage;

/// <summary>Appends to one object. One append at a time; a flush may run beside an append.</summary>
public interface IStorageAppender : IAsyncDisposable
{
    /// <summary>Bytes that were appended, with those before it was opened.</summary>
    long Length { get; }

    /// <summary>Appends. After a failure <see cref="Length"/> is as before, and a further append writes over what half arrived.</summary>
    ValueTask AppendAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>On return everything whose append had ended before the call survives a crash. After a failure the appender is useless (invariant 13).</summary>
    Task FlushAsync(CancellationToken cancellationToken);
}
