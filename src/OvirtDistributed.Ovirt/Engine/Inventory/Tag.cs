// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

public sealed record Tag(TagId Id, string Name, string? Description, TagId? Parent);
