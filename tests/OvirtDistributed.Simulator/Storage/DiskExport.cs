// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Storage;

/// <summary>An open export; closing runs once, a second caller waits for the first.</summary>
internal sealed class DiskExport(string url, long sizeBytes, bool hasDirtyExtents, Func<DiskExport, Task> close) : IDiskExport
{
    private readonly Lock _lock = new();
    private Task? _closing;

    public string Url { get; } = url;

    public long SizeBytes { get; } = sizeBytes;

    public bool HasDirtyExtents { get; } = hasDirtyExtents;

    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _closing ??= close(this);
            return new ValueTask(_closing);
        }
    }
}
