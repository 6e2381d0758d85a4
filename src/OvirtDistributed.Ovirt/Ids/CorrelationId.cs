// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>Names one logical call. The engine writes it to its log, its events and its jobs.</summary>
/// <remarks>A Guid in its 36-character form, because the engine cuts longer values at 36 characters.</remarks>
public readonly record struct CorrelationId(Guid Value)
{
    public static CorrelationId New() => new(Guid.NewGuid());

    public override string ToString() => Value.ToString();
}
