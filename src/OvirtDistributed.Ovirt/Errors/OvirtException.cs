// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Errors;

/// <summary>The one exception of this library. Callers decide by <see cref="Error"/>, never by the message.</summary>
/// <remarks>The message is fit for an operator: it names what was asked and what came back, and holds no secret.</remarks>
public sealed class OvirtException : Exception
{
    public OvirtException(OvirtError error, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        Error = error;
    }

    public OvirtError Error { get; }

    /// <summary>HTTP status of the answer, where there was one.</summary>
    public int? HttpStatus { get; init; }

    /// <summary>The engine's fault reason, such as "Operation Failed".</summary>
    public string? FaultReason { get; init; }

    /// <summary>The engine's fault detail in English, brackets removed.</summary>
    public string? FaultDetail { get; init; }

    /// <summary>Correlation id of the call, to be found in engine.log and in events.</summary>
    public CorrelationId? Correlation { get; init; }

    /// <summary>True when the request was sent and its fate is not known: the engine may have carried it out.</summary>
    public bool MayHaveBeenCarriedOut { get; init; }

    /// <summary>True when the same call may succeed later. The library has then already repeated it as far as its options allow.</summary>
    public bool IsRetryable => Error is OvirtError.Locked
        or OvirtError.EngineUnavailable
        or OvirtError.Timeout
        or OvirtError.ImageUnreachable
        or OvirtError.ImageFailed
        or OvirtError.Stalled;

    /// <summary>What the retry layer may do with this failure.</summary>
    internal RetryAdvice Advice { get; init; }
}
