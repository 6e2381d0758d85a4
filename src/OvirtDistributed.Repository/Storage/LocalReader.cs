// SPDX-License-Identifier: Apache-2.0
using Microsoft.Win32.SafeHandles;

namespace OvirtDistributed.Repository.Storage;

internal sealed class LocalReader : IStorageReader
{
    private readonly string _name;
    private readonly string _path;
    private readonly SafeFileHandle _handle;

    public LocalReader(string name, string path)
    {
        _name = name;
        _path = path;
        _handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    public long Length => LocalStorage.Guard($"length of {_name}", () => RandomAccess.GetLength(_handle));

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            var total = 0;
            while (total < buffer.Length)
            {
                var read = RandomAccess.Read(_handle, buffer.Span[total..], offset + total);
                if (read == 0)
                {
                    break;
                }

                total += read;
            }

            return ValueTask.FromResult(total);
        }
        catch (Exception exception) when (StorageFailure.IsExpected(exception))
        {
            throw StorageFailure.From(exception, $"read {_name}");
        }
    }

    public IMappedObject? Map() => Length == 0 ? null : LocalStorage.Guard($"map {_name}", () => new LocalMapping(_path));

    public void Dispose() => _handle.Dispose();
}
