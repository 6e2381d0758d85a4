// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

public sealed record Network(NetworkId Id, string Name, DataCenterId? DataCenter, string? Description, long? VlanId);

public sealed record VnicProfile(VnicProfileId Id, string Name, NetworkId? Network);
