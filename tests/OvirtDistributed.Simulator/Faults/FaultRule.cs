// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Faults;

/// <summary>When a fault strikes, relative to the request's handler.</summary>
public enum FaultMoment
{
    BeforeHandling,

    /// <summary>The request has been carried out; only its reply is touched.</summary>
    AfterHandling,
}

/// <summary>
/// One deterministic fault: the first <see cref="Times"/> requests after <see cref="Skip"/> matching ones are hit.
/// A rule is immutable; its counter lives in <see cref="ArmedFault"/>.
/// </summary>
public sealed record FaultRule
{
    /// <summary>Name in reports, unique among armed faults.</summary>
    public required string Name { get; init; }

    /// <summary>HTTP method, or <c>*</c>.</summary>
    public string Method { get; init; } = "*";

    /// <summary>Path pattern below the service's root; <c>*</c> stands for one segment, <c>**</c> at the end for the rest: <c>/vms/*/backups</c>, <c>/images/*</c>, <c>/images/*/extents</c>.</summary>
    public required string Path { get; init; }

    public FaultMoment Moment { get; init; } = FaultMoment.BeforeHandling;

    /// <summary>Matching requests let through first.</summary>
    public int Skip { get; init; }

    /// <summary>How many requests are hit.</summary>
    public int Times { get; init; } = 1;

    /// <summary>Waits before going on (with the other effects, or the normal answer).</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Answers with this HTTP status and, on the API, a fault body with <see cref="Detail"/>.</summary>
    public int? Status { get; init; }

    public string? Detail { get; init; }

    /// <summary>Closes the connection without a reply.</summary>
    public bool DropConnection { get; init; }

    /// <summary>Sends this many bytes of the body, then closes the connection (imageio reads).</summary>
    public long? DropAfterBytes { get; init; }

    /// <summary>Keeps the entity that the request creates or acts on in its present phase until the fault is removed: "stuck finalizing", "stuck locked".</summary>
    public bool StickPhase { get; init; }

    /// <summary>
    /// Lets the merge fail that this request (removal of a snapshot, finalize of a hybrid backup) leads to: the snapshot is left behind. Of a clone, export
    /// or import it lets the copy fail.
    /// </summary>
    public bool FailMerge { get; init; }
}

/// <summary>A rule in force, with the number of requests it has hit.</summary>
public sealed class ArmedFault(FaultRule rule)
{
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _seen;
    private int _hits;

    public FaultRule Rule { get; } = rule;

    /// <summary>Requests hit so far.</summary>
    public int Hits => Volatile.Read(ref _hits);

    /// <summary>True once every hit the rule promises has happened: tests assert it.</summary>
    public bool Exercised => Hits >= Rule.Times;

    /// <summary>Completes when the fault is taken out of force: what <see cref="FaultRule.StickPhase"/> holds waits for it.</summary>
    public Task Released => _released.Task;

    internal void Release() => _released.TrySetResult();

    /// <summary>Counts a matching request; true when this one is to be hit.</summary>
    public bool Strike()
    {
        var seen = Interlocked.Increment(ref _seen);
        if (seen <= Rule.Skip || seen > Rule.Skip + Rule.Times)
        {
            return false;
        }

        Interlocked.Increment(ref _hits);
        return true;
    }
}
