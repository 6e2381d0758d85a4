// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>The data connections of an image. The one used last is given out first, so that few stay warm when few are needed.</summary>
internal sealed class LanePool(ImageLane[] lanes) : IDisposable
{
    // Never disposed: it holds no handle, and a late call may still give its connection back.
    private readonly SemaphoreSlim _free = new(lanes.Length, lanes.Length);
    private readonly Stack<ImageLane> _stack = new(lanes);

    public int Count => lanes.Length;

    public async ValueTask<ImageLane> RentAsync(CancellationToken cancellationToken)
    {
        await _free.WaitAsync(cancellationToken);
        return Pop();
    }

    /// <summary>Null when all are in use.</summary>
    public ImageLane? TryRent() => _free.Wait(0, CancellationToken.None) ? Pop() : null;

    public void Return(ImageLane lane)
    {
        lock (_stack)
        {
            _stack.Push(lane);
        }

        _free.Release();
    }

    /// <summary>Breaks off all calls and waits until their connections are given back, or the limit has passed.</summary>
    public async Task DrainAsync(TimeSpan limit, TimeProvider timeProvider)
    {
        using var deadline = new CancellationTokenSource(limit, timeProvider);
        foreach (var lane in lanes)
        {
            lane.Guard.Abort();
        }

        try
        {
            for (var taken = 0; taken < lanes.Length; taken++)
            {
                await _free.WaitAsync(deadline.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // A reader of extents that was abandoned without disposal never gives its connection back.
        }
    }

    public void Dispose()
    {
        foreach (var lane in lanes)
        {
            lane.Dispose();
        }
    }

    private ImageLane Pop()
    {
        lock (_stack)
        {
            return _stack.Pop();
        }
    }
}
