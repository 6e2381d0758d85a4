// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Hosting.Errors;

/// <summary>What a service says went wrong. Closed: every value has one gRPC status and one exit code of the CLI.</summary>
public enum FailureKind
{
    /// <summary>The caller sent something that can never work; the message names the field, the value and what to do.</summary>
    InvalidInput,
    NotFound,
    AlreadyExists,

    /// <summary>The request is fine but not in the present state (a job has ended, a token is fenced).</summary>
    WrongState,

    /// <summary>Another party cannot be reached; the same call may work later.</summary>
    Unavailable,

    /// <summary>Out of space, slots or memory budget.</summary>
    Exhausted,

    /// <summary>Stored data is missing or damaged.</summary>
    DataDamaged,
    Unauthorized,
    Forbidden,

    /// <summary>Somebody else changed it at the same time; repeat with fresh state.</summary>
    Conflict,
}
