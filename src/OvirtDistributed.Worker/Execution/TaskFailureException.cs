// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;

namespace OvirtDistributed.Worker.Execution;

/// <summary>A task cannot go on. Code and message reach the operator: no stack trace, no transfer URL, what to do where there is something to do.</summary>
public sealed class TaskFailureException(FailureCode code, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whose fault it was, and so what the server does next.</summary>
    public FailureCode Code { get; } = code;
}
