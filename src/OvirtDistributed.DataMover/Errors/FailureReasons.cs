// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.DataMover.Errors;

/// <summary>Values of the trailer <c>ovd-failure</c>, as the .proto lists them.</summary>
internal static class FailureReasons
{
    public const string Fenced = "fenced";
    public const string SessionEnded = "session-ended";
    public const string MissingFrames = "missing-frames";
    public const string Busy = "busy";
    public const string Draining = "draining";
    public const string UnknownRepository = "unknown-repository";
    public const string NotCreated = "not-created";
    public const string Opening = "opening";
    public const string RepositoryFailed = "repository-failed";
    public const string Damaged = "damaged";
    public const string PointInUse = "point-in-use";
    public const string PointLocked = "point-locked";
    public const string NoSpace = "no-space";
}
