// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.Nbd;

/// <summary>Raised when an NBD server refuses, breaks the protocol, or is gone. <see cref="Errno"/> is the server's error number, 0 when there is none.</summary>
internal sealed class NbdException(string message, uint errno = 0) : Exception(message)
{
    public uint Errno { get; } = errno;
}
