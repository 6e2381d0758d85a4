// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Points;

/// <summary>One step of the job that made a point.</summary>
public sealed record ManifestStage
{
    public required string Name { get; init; }

    public required DateTimeOffset Started { get; init; }

    public required DateTimeOffset Ended { get; init; }
}
