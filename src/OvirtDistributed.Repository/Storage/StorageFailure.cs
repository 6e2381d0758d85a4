// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Storage;

/// <summary>Turns what the file system says into the boundary's exception.</summary>
internal static class StorageFailure
{
    /// <summary>EWOULDBLOCK: somebody else has the lock of a file.</summary>
    public const int HeldByAnother = 11;

    private const int NoSpaceLeft = 28; // ENOSPC
    private const int QuotaExceeded = 122; // EDQUOT

    public static bool IsExpected(Exception exception) => exception is IOException or UnauthorizedAccessException;

    public static RepositoryException From(Exception exception, string what)
    {
        var full = exception is IOException && (exception.HResult & 0xFFFF) is NoSpaceLeft or QuotaExceeded;
        return full
            ? new RepositoryException(RepositoryError.NoSpace, $"{what}: the storage is full; free space or enlarge it", exception)
            : new RepositoryException(RepositoryError.Unavailable, $"{what}: {exception.Message}", exception);
    }
}
