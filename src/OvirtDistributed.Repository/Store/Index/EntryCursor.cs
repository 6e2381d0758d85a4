// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store.Index;

/// <summary>Goes through sorted entries.</summary>
internal abstract class EntryCursor
{
    private long _next;

    public IndexEntry Current { get; private set; }

    protected abstract long Count { get; }

    public bool MoveNext()
    {
        if (_next >= Count)
        {
            return false;
        }

        Current = At(_next++);
        return true;
    }

    public void Restart() => _next = 0;

    protected abstract IndexEntry At(long index);
}

internal sealed class ArrayCursor(IndexEntry[] entries) : EntryCursor
{
    protected override long Count => entries.Length;

    protected override IndexEntry At(long index) => entries[index];
}

internal sealed class RunCursor(IndexRun run) : EntryCursor
{
    protected override long Count => run.Count;

    protected override IndexEntry At(long index) => run.EntryAt(index);
}
