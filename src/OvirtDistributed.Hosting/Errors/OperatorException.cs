// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Hosting.Errors;

/// <summary>
/// A failure whose message is meant for the person or process that called: it crosses the wire as it is, without a stack trace.
/// Anything else that escapes a call is answered as an internal error with a reference to the log.
/// </summary>
public sealed class OperatorException(FailureKind kind, string message, Exception? inner = null) : Exception(message, inner)
{
    public FailureKind Kind { get; } = kind;

    /// <summary>Machine-readable word for callers that branch on the reason, such as <c>fenced</c>; travels in the trailer <c>ovd-failure</c>.</summary>
    public string? Reason { get; init; }

    /// <summary>
    /// The fields of the request that are meant; they travel in the trailer <c>ovd-fields</c>. The message names them too: who knows another name for one, such
    /// as an option of <c>ovd</c>, puts that in its place.
    /// </summary>
    public IReadOnlyList<string> Fields { get; init; } = [];

    /// <summary>About one field. An empty value is one that was left out.</summary>
    public static OperatorException Invalid(string field, string? value, string advice) =>
        new(FailureKind.InvalidInput, string.IsNullOrEmpty(value) ? $"{field} is needed: {advice}" : $"{field} '{value}' cannot be used: {advice}") { Fields = [field] };
}
