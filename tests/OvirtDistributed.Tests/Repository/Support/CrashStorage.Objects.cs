// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Tests.Repository.Support;

/// <content>What it hands out: objects with what of them is durable, their readers and writers.</content>
internal sealed partial class CrashStorage
{
    private sealed class StoredObject(byte[] content)
    {
        public List<byte> Bytes { get; } = [.. content];

        public int Durable { get; set; } = content.Length;

        public StoredObject AfterCrash(Tail tail)
        {
            var unflushed = Bytes.Count - Durable;
            var kept = tail switch
            {
                Tail.Lost => 0,
                Tail.Kept => unflushed,
                _ => unflushed / 2,
            };
            var bytes = Bytes.Take(Durable + kept).ToArray();
            if (tail == Tail.Torn && kept > 8)
            {
                // A hole in the middle of what was not flushed, as blocks written out of order leave it.
                bytes.AsSpan(Durable + (kept / 4), kept / 4).Clear();
            }

            return new StoredObject(bytes);
        }
    }

    private sealed class Reader(CrashStorage owner, string name, StoredObject item) : IStorageReader
    {
        private bool _isClosed;

        public long Length
        {
            get
            {
                lock (owner._gate)
                {
                    return item.Bytes.Count;
                }
            }
        }

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
        {
            owner.BeforeRead?.Invoke(name);
            return ValueTask.FromResult(owner.Do($"read {name}", () =>
            {
                if (owner.ReadersEndWithTheirObject && !owner._objects.ContainsKey(name))
                {
                    throw new RepositoryException(RepositoryError.Unavailable, $"read {name}: the object was removed meanwhile");
                }

                var count = Math.Max(0, Math.Min(buffer.Length, item.Bytes.Count - (int)offset));
                System.Runtime.InteropServices.CollectionsMarshal.AsSpan(item.Bytes).Slice(count == 0 ? 0 : (int)offset, count).CopyTo(buffer.Span);
                return count;
            }));
        }

        public IMappedObject? Map() => null;

        public void Dispose()
        {
            if (!Interlocked.Exchange(ref _isClosed, true))
            {
                Interlocked.Decrement(ref owner._openReaders);
            }
        }
    }

    private sealed class Appender(CrashStorage owner, string name, StoredObject item) : IStorageAppender
    {
        public long Length { get; private set; } = item.Bytes.Count;

        public ValueTask AppendAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            try
            {
                owner.Do($"append {name}", () => Put(content.Span));
                Length += content.Length;
                return ValueTask.CompletedTask;
            }
            catch (RepositoryException)
            {
                // A write that fails may have written some of its bytes.
                Put(content.Span[..(content.Length / 3)]);
                throw;
            }
        }

        private bool Put(ReadOnlySpan<byte> content)
        {
            lock (owner._gate)
            {
                item.Bytes.RemoveRange((int)Length, item.Bytes.Count - (int)Length);
                item.Bytes.AddRange(content);
                return true;
            }
        }

        public Task FlushAsync(CancellationToken cancellationToken) =>
            Task.FromResult(owner.Do($"flush {name}", () =>
            {
                if (owner.FailNextFlushOf is { } prefix && name.StartsWith(prefix, StringComparison.Ordinal))
                {
                    owner.FailNextFlushOf = null;
                    throw new RepositoryException(RepositoryError.Unavailable, $"flush {name}: failed");
                }

                return item.Durable = item.Bytes.Count;
            }));

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class Writer(CrashStorage owner, string name) : IStorageWriter
    {
        private readonly MemoryStream _content = new();

        public ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            owner.Do($"write {name}", () =>
            {
                _content.Write(content.Span);
                return true;
            });
            return ValueTask.CompletedTask;
        }

        public Task CommitAsync(CancellationToken cancellationToken) =>
            Task.FromResult(owner.Do($"commit {name}", () =>
            {
                owner._objects[name] = new StoredObject(_content.ToArray());
                if (owner.FailBehindCommitOf is { } prefix && name.StartsWith(prefix, StringComparison.Ordinal))
                {
                    owner.FailBehindCommitOf = null;
                    throw new RepositoryException(RepositoryError.Unavailable, $"commit {name}: done, and failed");
                }

                return true;
            }));

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class HeldLock(CrashStorage owner, string name) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            lock (owner._gate)
            {
                owner._locks.Remove(name);
            }

            return ValueTask.CompletedTask;
        }
    }
}
