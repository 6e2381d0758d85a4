// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.Hosting.Grpc;

/// <summary>Both directions between <see cref="OperatorException"/> and a gRPC status.</summary>
public static class FailureStatus
{
    /// <summary>Trailer with <see cref="OperatorException.Reason"/>.</summary>
    public const string ReasonTrailer = "ovd-failure";

    public static StatusCode ToStatusCode(FailureKind kind) => kind switch
    {
        FailureKind.InvalidInput => StatusCode.InvalidArgument,
        FailureKind.NotFound => StatusCode.NotFound,
        FailureKind.AlreadyExists => StatusCode.AlreadyExists,
        FailureKind.WrongState => StatusCode.FailedPrecondition,
        FailureKind.Unavailable => StatusCode.Unavailable,
        FailureKind.Exhausted => StatusCode.ResourceExhausted,
        FailureKind.DataDamaged => StatusCode.DataLoss,
        FailureKind.Unauthorized => StatusCode.Unauthenticated,
        FailureKind.Forbidden => StatusCode.PermissionDenied,
        FailureKind.Conflict => StatusCode.Aborted,
        _ => StatusCode.Unknown,
    };

    public static RpcException ToRpc(OperatorException failure)
    {
        var status = new Status(ToStatusCode(failure.Kind), failure.Message);
        if (failure.Reason is null)
        {
            return new RpcException(status);
        }

        return new RpcException(status, new Metadata { { ReasonTrailer, failure.Reason } });
    }

    /// <summary>The machine-readable reason of a failed call, or null.</summary>
    public static string? ReasonOf(RpcException failure) => failure.Trailers?.GetValue(ReasonTrailer);
}
