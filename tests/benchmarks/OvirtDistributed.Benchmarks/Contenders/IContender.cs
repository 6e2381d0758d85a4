// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Benchmarks.Images;

namespace OvirtDistributed.Benchmarks.Contenders;

/// <summary>One way to back a disk up. Each starts a round with <see cref="PrepareAsync"/>, which gives it an empty store.</summary>
internal interface IContender : IAsyncDisposable
{
    string Name { get; }

    /// <summary>True when a second backup of the disk can build on the first.</summary>
    bool IsIncremental { get; }

    /// <summary>Where the backups are; its size is the store's.</summary>
    string StoreDirectory { get; }

    Task PrepareAsync(string directory, CancellationToken cancellationToken);

    /// <summary>Backs the image up, as a further state of the disk when it has <see cref="TestImage.DirtyBlocks"/>. Returns the time until all was durable.</summary>
    Task<TimeSpan> BackUpAsync(TestImage image, CancellationToken cancellationToken);

    /// <summary>Backs another disk up into the same store. Not measured.</summary>
    Task BackUpSecondDiskAsync(TestImage image, CancellationToken cancellationToken);

    /// <summary>Restores the last state as a raw file. Returns the time until all was durable.</summary>
    Task<TimeSpan> RestoreAsync(string file, long sizeBytes, CancellationToken cancellationToken);

    /// <summary>Ends the round's processes. The store stays.</summary>
    Task EndRoundAsync();
}
