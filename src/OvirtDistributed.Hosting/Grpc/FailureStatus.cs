// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.Hosting.Grpc;

/// <summary>Both directions between <see cref="OperatorException"/> and a gRPC status.</summary>
public static class FailureStatus
{
    /// <summary>Trailer with <see cref="OperatorException.Reason"/>.</summary>
    public const string ReasonTrailer = "ovd-failure";

    /// <summary>Trailer with <see cref="OperatorException.Fields"/>, divided by commas; without what stands in brackets, which is the operator's own text.</summary>
    public const string FieldsTrailer = "ovd-fields";

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
        var trailers = new Metadata();
        if (failure.Reason is not null)
        {
            trailers.Add(ReasonTrailer, failure.Reason);
        }

        if (failure.Fields.Count > 0)
        {
            trailers.Add(FieldsTrailer, string.Join(',', failure.Fields.Select(field => field.Split('[')[0])));
        }

        return new RpcException(status, trailers);
    }

    /// <summary>The machine-readable reason of a failed call, or null.</summary>
    public static string? ReasonOf(RpcException failure) => failure.Trailers?.GetValue(ReasonTrailer);

    /// <summary>The fields of the request that a failed call is about.</summary>
    public static IReadOnlyList<string> FieldsOf(RpcException failure) =>
        failure.Trailers?.GetValue(FieldsTrailer)?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [];
}
