// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>The data connections of an image. The one used last is given out first, so that few stay warm when few are needed.</summary>
internal sealed class LanePool(ImageLane[] lanes) : IDisposable
{
    private readonly SemaphoreSlim _free = new(lanes.Length, lanes.Length);
    private readonly Stack<ImageLane> _stack = new(lanes);

    public int Count => lanes.Length;

    public IReadOnlyList<ImageLane> All => lanes;

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

    public void Dispose()
    {
        foreach (var lane in lanes)
        {
            lane.Dispose();
        }

        _free.Dispose();
    }

    private ImageLane Pop()
    {
        lock (_stack)
        {
            return _stack.Pop();
        }
    }
}
