// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>Raised when an outside daemon's control service refuses or cannot be reached. <see cref="Status"/> is its HTTP answer, null without one.</summary>
public sealed class ImageIoControlException(int? status, string message) : Exception(message)
{
    public int? Status { get; } = status;
}
