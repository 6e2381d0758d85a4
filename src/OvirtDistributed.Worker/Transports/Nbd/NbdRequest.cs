// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.Nbd;

/// <summary>A request in flight.</summary>
internal sealed class NbdRequest
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Where the data of a read goes; no one else may touch it until <see cref="Done"/> has completed.</summary>
    public Memory<byte> Destination { get; init; }

    public long OffsetBytes { get; init; }

    public NbdBlockStatus? Status { get; init; }

    /// <summary>Of the destination; a server that says it is done before all has come would leave old bytes there.</summary>
    public long ReceivedBytes { get; set; }

    public NbdException? Error { get; set; }

    public Task Done => _done.Task;

    public void Complete()
    {
        _ = Error is null ? _done.TrySetResult() : _done.TrySetException(Error);
    }

    public void Fail(Exception error) => _done.TrySetException(error);
}
