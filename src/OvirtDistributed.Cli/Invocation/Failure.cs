// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Repository;

namespace OvirtDistributed.Cli.Invocation;

/// <summary>A command's failure as the operator and programs see it; with the service's machine-readable reason, if it gave one.</summary>
internal sealed record Failure(ExitCode ExitCode, string Code, string Message, string? Reason = null)
{
    /// <summary>Fields of the request that the message is about, by the names of the admin API.</summary>
    public IReadOnlyList<string> Fields { get; init; } = [];

    /// <summary>The one place where exceptions become exit codes.</summary>
    /// <param name="exception">What the command threw.</param>
    /// <param name="address">The service the command talks to, for messages.</param>
    public static Failure From(Exception exception, string? address) => exception switch
    {
        CliException known => new Failure(known.ExitCode, known.Code, known.Message),
        RpcException rpc => FromRpc(rpc, address),
        OperationCanceledException { InnerException: RpcException rpc } => FromRpc(rpc, address),
        // The runner has told an interrupted command apart: what is left is a call whose time ran out.
        OperationCanceledException => TransportFailure.Timeout(address),
        OperatorException operatorFailure => FromKind(operatorFailure),
        RepositoryException repository => FromRepository(repository),
        IOException or UnauthorizedAccessException => new Failure(ExitCode.LocalFile, "local_file", exception.Message),
        _ => new Failure(ExitCode.Unexpected, "unexpected", $"Unexpected error in ovd ({exception.GetType().Name}): {exception.Message}"),
    };

    private static Failure FromRpc(RpcException rpc, string? address)
    {
        if (TransportFailure.Describe(rpc, address) is { } transport)
        {
            return transport;
        }

        var (exitCode, code) = FailureStatus.ReasonOf(rpc) is "missing-frames" ? FromStatus(StatusCode.DataLoss) : FromStatus(rpc.StatusCode);
        var message = rpc.StatusCode switch
        {
            StatusCode.Unimplemented => $"The backup server at {address} does not know this call: it is older than this ovd. Update the server. ({rpc.Status.Detail})",
            _ when string.IsNullOrWhiteSpace(rpc.Status.Detail) => $"The backup server at {address} answered {rpc.StatusCode} without a reason; its log may have one.",
            _ => rpc.Status.Detail,
        };
        return new Failure(exitCode, code, message, FailureStatus.ReasonOf(rpc)) { Fields = FailureStatus.FieldsOf(rpc) };
    }

    private static (ExitCode ExitCode, string Code) FromStatus(StatusCode status) => status switch
    {
        StatusCode.InvalidArgument or StatusCode.OutOfRange => (ExitCode.Usage, "invalid_input"),
        StatusCode.NotFound => (ExitCode.NotFound, "not_found"),
        StatusCode.AlreadyExists => (ExitCode.Refused, "already_exists"),
        StatusCode.FailedPrecondition => (ExitCode.Refused, "wrong_state"),
        StatusCode.Aborted => (ExitCode.Refused, "conflict"),
        StatusCode.ResourceExhausted => (ExitCode.Refused, "exhausted"),
        StatusCode.Unavailable => (ExitCode.Unavailable, "unavailable"),
        StatusCode.Cancelled => (ExitCode.Unavailable, "call_ended"),
        StatusCode.Unauthenticated => (ExitCode.Unauthorized, "unauthorized"),
        StatusCode.PermissionDenied => (ExitCode.Unauthorized, "forbidden"),
        StatusCode.DataLoss => (ExitCode.DataDamaged, "data_damaged"),
        StatusCode.Unimplemented => (ExitCode.Unexpected, "unsupported"),
        _ => (ExitCode.Unexpected, "internal"),
    };

    private static Failure FromKind(OperatorException failure)
    {
        var (exitCode, code) = FromStatus(FailureStatus.ToStatusCode(failure.Kind));
        return new Failure(exitCode, code, failure.Message, failure.Reason);
    }

    private static Failure FromRepository(RepositoryException failure) => failure.Error switch
    {
        RepositoryError.NotFound => new Failure(ExitCode.NotFound, "not_found", failure.Message),
        RepositoryError.Damaged or RepositoryError.MissingFrames => new Failure(ExitCode.DataDamaged, "data_damaged", failure.Message),
        RepositoryError.Unavailable => new Failure(ExitCode.Unavailable, "unavailable", failure.Message),
        RepositoryError.InvalidArgument => new Failure(ExitCode.Usage, "invalid_input", failure.Message),
        RepositoryError.KeyRequired or RepositoryError.NewerFormat or RepositoryError.SessionEnded or RepositoryError.Fenced =>
            new Failure(ExitCode.Refused, "wrong_state", failure.Message),
        _ => new Failure(ExitCode.Unexpected, "internal", failure.Message),
    };
}
