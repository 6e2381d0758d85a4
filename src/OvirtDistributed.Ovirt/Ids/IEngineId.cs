// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>An id the engine gave. Each kind is its own type, because swapping two Guids in a backup product loses data.</summary>
public interface IEngineId<TSelf>
    where TSelf : struct, IEngineId<TSelf>
{
    Guid Value { get; }

    static abstract TSelf From(Guid value);
}
