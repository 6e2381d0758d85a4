// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository;

/// <summary>What went wrong at the boundary of the repository. Closed: a caller may switch over it.</summary>
/// <remarks>Only <see cref="Unavailable"/> and <see cref="NoSpace"/> may succeed when the same call is made again later.</remarks>
public enum RepositoryError
{
    /// <summary>A fault the library cannot name. Not retryable.</summary>
    Unknown = 0,

    /// <summary>The location holds no repository.</summary>
    NotARepository,

    /// <summary>The repository, or an object in it, was written in a newer format than this program reads.</summary>
    NewerFormat,

    /// <summary>The location already holds a repository.</summary>
    AlreadyExists,

    /// <summary>Another process has the repository open.</summary>
    Locked,

    /// <summary>Bytes are not what was stored: a checksum, digest, length or structure does not hold.</summary>
    Damaged,

    /// <summary>A point, or another object named by the caller, is not in the repository.</summary>
    NotFound,

    /// <summary>Digests are in no live pack; <see cref="RepositoryException.MissingDigests"/> lists them.</summary>
    MissingFrames,

    /// <summary>A session reads the point or builds on it; it can be removed when that has ended.</summary>
    PointInUse,

    /// <summary>The point is locked until a date, or the storage itself protects an object; nothing but time changes that.</summary>
    PointLocked,

    /// <summary>The same work is under way already; wait for it.</summary>
    Busy,

    /// <summary>The fencing token is lower than one already seen for the task: this attempt has lost its lease.</summary>
    Fenced,

    /// <summary>The session has ended: closed, expired or aborted. A new one may be opened.</summary>
    SessionEnded,

    /// <summary>A value given by the caller is not acceptable; the message names the field.</summary>
    InvalidArgument,

    /// <summary>The storage is full, or below its reserve.</summary>
    NoSpace,

    /// <summary>The storage failed an operation (input/output error, permission, connection).</summary>
    Unavailable,

    /// <summary>The repository needs a key that was not given, or the key is not the one in use.</summary>
    KeyRequired,
}
