// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Database;

/// <summary>A single value the installation remembers.</summary>
internal sealed class ServerFact
{
    /// <summary>The installation's id, carried in the description of everything we create on an engine.</summary>
    public const string InstanceId = "instance-id";

    /// <summary>When the leading server last ran: leases are extended by the time nobody did.</summary>
    public const string LastAlive = "last-alive";

    public required string Name { get; init; }

    public required string Value { get; set; }
}
