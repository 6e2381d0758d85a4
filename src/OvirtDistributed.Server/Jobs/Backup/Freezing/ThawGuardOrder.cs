// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

/// <summary>
/// What a guard is told, as one line of JSON on its input. Holds the manager's password: it goes through a pipe and never into an argument, the environment or a log.
/// </summary>
internal sealed record ThawGuardOrder
{
    /// <summary>The guard's answer when it watches.</summary>
    public const string Ready = "ready";

    /// <summary>Word to the guard: the guest is about to be asked, and its time runs from here.</summary>
    public const string Asked = "asked";

    /// <summary>Word to the guard: the manager has answered the freeze.</summary>
    public const string Frozen = "frozen";

    /// <summary>Word to the guard: the guest is thawed.</summary>
    public const string Thawed = "thawed";

    public required Guid VmId { get; init; }

    public required Guid CorrelationId { get; init; }

    public required string ApiUrl { get; init; }

    public required string User { get; init; }

    public required string Password { get; init; }

    /// <summary>Empty: the operating system's roots.</summary>
    public required string CaPem { get; init; }

    public required IReadOnlyDictionary<string, string> HostAddresses { get; init; }

    public required TimeSpan Timeout { get; init; }

    public required TimeSpan Lifetime { get; init; }

    /// <summary>The first pause after a thaw that failed.</summary>
    public required TimeSpan Pause { get; init; }

    /// <summary>How long it tries to thaw.</summary>
    public required TimeSpan Patience { get; init; }

    public override string ToString() => $"ThawGuardOrder for VM {VmId}";
}
