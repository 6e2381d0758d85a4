// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Repository.Memory;

/// <summary>The buffers of one piece of work, reused while it runs and freed with it. Safe for concurrent use.</summary>
/// <remarks>Holds as many as were ever rented at a time; whoever rents bounds that. After <see cref="Dispose"/> a buffer that comes back is freed at once.</remarks>
public sealed class PageBufferPool : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, Stack<PageBuffer>> _free = [];
    private bool _disposed;

    /// <summary>A buffer of exactly this length. Its content is arbitrary.</summary>
    public PageBuffer Rent(int length)
    {
        lock (_lock)
        {
            if (_free.TryGetValue(length, out var stack) && stack.TryPop(out var buffer))
            {
                return buffer;
            }
        }

        return new PageBuffer(length);
    }

    /// <summary>Gives a buffer back. Its owner must not touch it any more, nor anybody to whom it lent it.</summary>
    public void Return(PageBuffer buffer)
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                if (!_free.TryGetValue(buffer.Length, out var stack))
                {
                    _free.Add(buffer.Length, stack = new Stack<PageBuffer>());
                }

                stack.Push(buffer);
                return;
            }
        }

        ((IDisposable)buffer).Dispose();
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (var buffer in _free.Values.SelectMany(stack => stack))
            {
                ((IDisposable)buffer).Dispose();
            }

            _free.Clear();
        }
    }
}
