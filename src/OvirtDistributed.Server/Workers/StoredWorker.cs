// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Workers;

/// <summary>A worker as it registered.</summary>
internal sealed class StoredWorker
{
    public required string Id { get; init; }

    public required string Name { get; set; }

    public required Guid ClusterId { get; set; }

    public string ProductVersion { get; set; } = "";

    public int Slots { get; set; }

    public int FreeSlots { get; set; }

    public IReadOnlyList<string> TransportModes { get; set; } = [];

    public string SystemUuid { get; set; } = "";

    /// <summary>Export domains it has mounted: ids of storage domains, or <c>address:path</c>.</summary>
    public IReadOnlyList<string> ExportDomains { get; set; } = [];

    public bool Embedded { get; set; }

    public DateTimeOffset Registered { get; set; }

    public DateTimeOffset LastSeen { get; set; }
}
