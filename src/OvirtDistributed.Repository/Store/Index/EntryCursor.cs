// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store.Index;

/// <summary>Goes through sorted entries.</summary>
internal abstract class EntryCursor
{
    private IndexEntry _current;
    private long _next;

    // Compared with those of all other sources at every step, so kept as numbers.
    private ulong _keyHigh;
    private ulong _keyLow;

    public ref readonly IndexEntry Current => ref _current;

    protected abstract long Count { get; }

    public bool MoveNext()
    {
        if (_next >= Count)
        {
            return false;
        }

        _current = At(_next++);
        _keyHigh = _current.KeyHigh;
        _keyLow = _current.KeyLow;
        return true;
    }

    public int CompareKey(EntryCursor other)
    {
        var order = _keyHigh.CompareTo(other._keyHigh);
        return order != 0 ? order : _keyLow.CompareTo(other._keyLow);
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
