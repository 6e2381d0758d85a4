// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

public enum DataCenterStatus
{
    Unknown,
    Uninitialized,
    Up,
    Maintenance,
    NotOperational,
    Problematic,
    Contend,
}

public sealed record DataCenter(DataCenterId Id, string Name, DataCenterStatus Status, bool Local, Version? CompatibilityLevel);
