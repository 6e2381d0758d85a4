// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Repository;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Mover;

/// <summary>The one place where failures at the Data Mover's boundary are told apart.</summary>
internal static class MoverFailures
{
    /// <summary>The machine-readable reason of a call that came with too low a token.</summary>
    private const string FencedReason = "fenced";

    /// <summary>Any failure of a call, of what came from it, or one that is told already.</summary>
    public static TaskFailureException Told(Exception failure) => failure switch
    {
        TaskFailureException told => told,
        RpcException call => Classify(call),
        RepositoryException damage => Classify(damage),
        _ => throw new ArgumentException("Not a failure of a Data Mover.", nameof(failure), failure),
    };

    public static TaskFailureException Classify(RpcException failure)
    {
        var code = CodeOf(failure);
        var message = code switch
        {
            FailureCode.MoverUnavailable => $"The Data Mover could not be reached or lost the session: {failure.Status.Detail}",
            FailureCode.Fenced => $"Another attempt has taken over: {failure.Status.Detail}",
            FailureCode.RepositoryFull => $"The repository has no room: {failure.Status.Detail}",
            FailureCode.RepositoryDamaged => $"The repository holds damaged data: {failure.Status.Detail}",
            FailureCode.BadOrder => $"The Data Mover refused the order: {failure.Status.Detail}",
            _ => $"The Data Mover answered {failure.StatusCode}: {failure.Status.Detail}",
        };
        return new TaskFailureException(code, message, failure);
    }

    public static TaskFailureException Classify(RepositoryException failure)
    {
        // Failures of calls arrive wrapped where the repository library was the caller.
        if (failure.InnerException is RpcException call)
        {
            return Classify(call);
        }

        return failure.Error switch
        {
            RepositoryError.Damaged or RepositoryError.MissingFrames or RepositoryError.NewerFormat or RepositoryError.KeyRequired =>
                new TaskFailureException(FailureCode.RepositoryDamaged, $"The repository holds data that cannot be used: {failure.Message}", failure),
            _ => new TaskFailureException(FailureCode.Internal, $"The repository library failed: {failure.Message}", failure),
        };
    }

    private static FailureCode CodeOf(RpcException failure)
    {
        var byReason = FailureStatus.ReasonOf(failure) switch
        {
            FencedReason => FailureCode.Fenced,

            // The next attempt opens a new session and continues; so does one that finds frames gone.
            "session-ended" or "missing-frames" or "busy" or "draining" or "opening" or "repository-failed" => FailureCode.MoverUnavailable,
            "unknown-repository" or "not-created" => FailureCode.BadOrder,
            "damaged" => FailureCode.RepositoryDamaged,
            "no-space" => FailureCode.RepositoryFull,
            _ => FailureCode.Unspecified,
        };
        return byReason != FailureCode.Unspecified ? byReason : CodeByStatus(failure.StatusCode);
    }

    private static FailureCode CodeByStatus(StatusCode status) => status switch
    {
        // Internal: a connection whose keep-alive died. NotFound of a session: the Data Mover was restarted.
        StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Internal or StatusCode.Cancelled
            or StatusCode.Aborted or StatusCode.NotFound => FailureCode.MoverUnavailable,
        StatusCode.ResourceExhausted => FailureCode.RepositoryFull,
        StatusCode.DataLoss => FailureCode.RepositoryDamaged,
        StatusCode.InvalidArgument or StatusCode.PermissionDenied or StatusCode.Unauthenticated or StatusCode.Unimplemented => FailureCode.BadOrder,
        _ => FailureCode.Internal,
    };
}
