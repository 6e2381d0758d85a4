// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Retention;

/// <summary>A named rule. The default policy holds for every VM that has none of its own; without one, points stay for ever.</summary>
internal sealed class RetentionPolicy
{
    public required Guid Id { get; init; }

    public required string Name { get; set; }

    public required RetentionRule Rule { get; set; }

    public bool IsDefault { get; set; }

    public required DateTimeOffset Changed { get; set; }
}

/// <summary>Which policy a VM has instead of the default. Outlives the VM: its restore points do too.</summary>
internal sealed class RetentionAssignment
{
    public required Guid ManagerId { get; init; }

    public required Guid VmId { get; init; }

    public required Guid PolicyId { get; set; }
}

/// <summary>A restore point that an operator wants kept whatever the policy says, until he takes the pin away.</summary>
internal sealed class PointPin
{
    public required Guid RepositoryId { get; init; }

    public required string PointId { get; init; }

    public required string Reason { get; set; }

    public required DateTimeOffset Pinned { get; set; }
}
