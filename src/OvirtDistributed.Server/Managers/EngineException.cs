// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Managers;

/// <summary>An engine call that failed; the message is fit for an operator.</summary>
internal sealed class EngineException(EngineFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    public EngineFailure Failure { get; } = failure;

    /// <summary>The same call may succeed later without anybody doing anything.</summary>
    public bool IsPassing => Failure is EngineFailure.Unreachable or EngineFailure.Locked;
}
