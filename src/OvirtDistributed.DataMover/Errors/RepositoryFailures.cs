// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.DataMover.Errors;

/// <summary>What the failures of a repository mean to a caller.</summary>
internal static class RepositoryFailures
{
    /// <summary>How many missing digests an answer lists: trailers must stay well below the 16 KiB that clients accept by default.</summary>
    private const int MaxListedDigests = 128;

    public static OperatorException ToOperator(RepositoryException failure)
    {
        var (kind, reason) = failure.Error switch
        {
            RepositoryError.Fenced => (FailureKind.WrongState, FailureReasons.Fenced),
            RepositoryError.SessionEnded => (FailureKind.WrongState, FailureReasons.SessionEnded),
            RepositoryError.PointInUse => (FailureKind.WrongState, FailureReasons.PointInUse),
            RepositoryError.PointLocked => (FailureKind.WrongState, FailureReasons.PointLocked),
            RepositoryError.MissingFrames => (FailureKind.WrongState, FailureReasons.MissingFrames),
            RepositoryError.Busy => (FailureKind.WrongState, FailureReasons.Busy),
            RepositoryError.NotFound => (FailureKind.NotFound, null),
            RepositoryError.AlreadyExists => (FailureKind.AlreadyExists, null),
            RepositoryError.InvalidArgument => (FailureKind.InvalidInput, null),
            RepositoryError.Damaged => (FailureKind.DataDamaged, FailureReasons.Damaged),
            RepositoryError.NoSpace => (FailureKind.Exhausted, FailureReasons.NoSpace),
            RepositoryError.Unavailable => (FailureKind.Unavailable, FailureReasons.RepositoryFailed),
            RepositoryError.NotARepository => (FailureKind.WrongState, FailureReasons.NotCreated),
            RepositoryError.NewerFormat or RepositoryError.Locked or RepositoryError.KeyRequired => (FailureKind.WrongState, FailureReasons.RepositoryFailed),
            _ => (FailureKind.DataDamaged, (string?)null),
        };
        return new OperatorException(kind, failure.Message, failure) { Reason = reason };
    }

    /// <summary>FAILED_PRECONDITION that carries which frames are missing, for a caller that can send them.</summary>
    public static RpcException MissingFrames(RepositoryException failure)
    {
        var listed = failure.MissingDigests.Take(MaxListedDigests).ToList();
        var bytes = new byte[listed.Count * ChunkDigest.Size];
        for (var i = 0; i < listed.Count; i++)
        {
            listed[i].CopyTo(bytes.AsSpan(i * ChunkDigest.Size));
        }

        return new RpcException(
            new Status(StatusCode.FailedPrecondition, failure.Message),
            new Metadata
            {
                { FailureStatus.ReasonTrailer, FailureReasons.MissingFrames },
                { "ovd-missing-count", failure.MissingCount.ToString(System.Globalization.CultureInfo.InvariantCulture) },
                { "ovd-missing-digests-bin", bytes },
            });
    }
}
