// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Storage;

/// <summary>An object and its length in bytes.</summary>
public readonly record struct StorageObject(string Name, long Length);

/// <summary>Bytes of the storage.</summary>
public readonly record struct StorageCapacity(long TotalBytes, long FreeBytes);

/// <summary>What a put does when the object exists.</summary>
public enum StoragePutMode
{
    /// <summary>Leaves it alone.</summary>
    CreateOnly,

    /// <summary>Replaces it as a whole.</summary>
    Replace,
}
