// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server;

/// <summary>Who this installation is. Its id outlives the database: a copy lies in the data directory.</summary>
internal sealed class Installation
{
    private Guid? _instanceId;

    /// <summary>Set once, before anything else runs.</summary>
    public Guid InstanceId
    {
        get => _instanceId ?? throw new InvalidOperationException("The installation's id is read at start, before it is asked for.");
        set => _instanceId = value;
    }
}
