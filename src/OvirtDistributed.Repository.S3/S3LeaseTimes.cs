// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.S3;

/// <summary>The times of a lease. The owner stops writing long before anybody else may begin, whatever its last request does meanwhile.</summary>
internal sealed record S3LeaseTimes
{
    /// <summary>Pause between renewals.</summary>
    public TimeSpan RenewEvery { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Pause after a renewal that failed.</summary>
    public TimeSpan RetryEvery { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long the owner writes after the beginning of the last renewal that succeeded.</summary>
    public TimeSpan WritesFor { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How far in the future a renewal puts the end of the lease.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(75);

    /// <summary>How far the clocks of two Data Movers may be apart.</summary>
    public TimeSpan ClockMargin { get; init; } = TimeSpan.FromSeconds(30);
}
