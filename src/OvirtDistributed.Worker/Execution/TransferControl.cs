// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Execution;

/// <summary>What goes between the agent and the work: progress up, throttling down.</summary>
internal sealed class TransferControl(TimeProvider time)
{
    public TransferMeter Meter { get; } = new(time);

    public RateLimit Rate { get; } = new(time);

    /// <summary>Has the server give the same order with another layer of the disk open; null where nobody can be asked.</summary>
    public Func<Guid, CancellationToken, Task<Contracts.Control.V1.TaskOrder>>? OpenLayer { get; set; }

    /// <summary>The order's own limit in bytes a second, 0 = none. What a heartbeat says later can only be lower.</summary>
    public long OrderedRate
    {
        get;
        set
        {
            field = value;
            Throttle(0);
        }
    }

    /// <summary>Obeys a heartbeat's limit; 0 = none but the order's.</summary>
    public void Throttle(long bytesPerSecond) => Rate.BytesPerSecond = (bytesPerSecond, OrderedRate) switch
    {
        ( > 0, > 0) => Math.Min(bytesPerSecond, OrderedRate),
        _ => Math.Max(bytesPerSecond, OrderedRate),
    };
}
