// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Frames;

/// <summary>How hard a writer compresses. Any reader reads frames of any profile; one repository may hold all of them.</summary>
public enum CompressionProfile
{
    /// <summary>zstd level 1: about 600 MiB/s per core.</summary>
    Default = 0,

    /// <summary>LZ4: several times faster, larger.</summary>
    Fast = 1,

    /// <summary>zstd level 3: about half the speed of the default, 5 to 8 % smaller.</summary>
    Dense = 2,

    /// <summary>Never compress: for data that is known to be packed or encrypted already.</summary>
    Stored = 3,
}
