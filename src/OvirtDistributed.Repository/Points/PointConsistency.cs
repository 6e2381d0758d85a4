// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Points;

/// <summary>What is known about the state of the guest at the moment of the point.</summary>
public enum PointConsistency
{
    /// <summary>The manager did not say.</summary>
    Unknown,

    /// <summary>As after a power cut.</summary>
    CrashConsistent,

    /// <summary>File systems were frozen through the guest agent.</summary>
    FileSystemConsistent,

    /// <summary>The VM was down.</summary>
    PoweredOff,
}
