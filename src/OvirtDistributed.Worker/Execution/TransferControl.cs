// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Execution;

/// <summary>What goes between the agent and the work: progress up, throttling down.</summary>
internal sealed class TransferControl(TimeProvider time)
{
    public TransferMeter Meter { get; } = new(time);

    public RateLimit Rate { get; } = new(time);
}
