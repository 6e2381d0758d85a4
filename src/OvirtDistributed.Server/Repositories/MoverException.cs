// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Repositories;

internal enum MoverFailure
{
    Unknown,

    /// <summary>The same call may work later.</summary>
    Unreachable,
    NotFound,

    /// <summary>The Data Mover refuses in its present state: the message says what is missing.</summary>
    Refused,
    Full,
    Damaged,

    /// <summary>A commit names objects that are in no live pack: sent once more, it can succeed.</summary>
    MissingFrames,

    /// <summary>The repository is encrypted and this server does not hold its key.</summary>
    KeyMissing,
}

/// <summary>A call to a Data Mover that failed; the message is fit for an operator.</summary>
internal sealed class MoverException(MoverFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    public MoverFailure Failure { get; } = failure;

    public bool IsPassing => Failure == MoverFailure.Unreachable;
}
