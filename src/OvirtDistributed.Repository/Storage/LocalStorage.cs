// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Storage;

/// <summary>Opens storage on a local or mounted file system.</summary>
public static class LocalStorage
{
    /// <summary>A backend over one directory, which is made when it is not there.</summary>
    /// <exception cref="RepositoryException">The directory cannot be made or written.</exception>
    public static IStorageBackend Open(string directory) => throw new NotSupportedException("not landed yet");
}
