// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>How the one retry layer of the engine client behaves: exponential back-off with jitter, up to a limit of time.</summary>
public sealed record EngineRetryOptions
{
    /// <summary>First pause. Default 500 ms; each further one doubles, with jitter.</summary>
    public TimeSpan BaseDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Longest pause. Default 10 s.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a call refused as locked is repeated. Default 2 minutes. Zero: not at all.</summary>
    public TimeSpan LockedLimit { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a call is repeated while the engine is away (502, 503, no connection). Default 2 minutes, about an engine restart. Zero: not at all.</summary>
    public TimeSpan UnreachableLimit { get; init; } = TimeSpan.FromMinutes(2);

    internal void Validate(List<string> errors)
    {
        if (BaseDelay <= TimeSpan.Zero || MaxDelay < BaseDelay || MaxDelay > TimeSpan.FromHours(1))
        {
            errors.Add($"Retry delays {BaseDelay} and {MaxDelay} are wrong: use 0 < BaseDelay <= MaxDelay <= 1 hour.");
        }

        if (LockedLimit < TimeSpan.Zero || UnreachableLimit < TimeSpan.Zero)
        {
            errors.Add("Retry limits must not be negative.");
        }
    }
}
