// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using System.Text;

namespace OvirtDistributed.Simulator.Storage.Processes;

/// <summary>Unix sockets that a child process listens on.</summary>
internal static class SocketFile
{
    private const int MaxPathBytes = 107;
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(5);

    /// <exception cref="StorageException">The path does not fit into a unix socket address.</exception>
    public static string InDirectory(string directory, string name)
    {
        var path = Path.Combine(directory, name);
        return Encoding.UTF8.GetByteCount(path) <= MaxPathBytes
            ? path
            : throw new StorageException(
                StorageFailure.ToolFailed,
                $"The socket path {path} is longer than {MaxPathBytes} bytes. Set {nameof(DiskStorageOptions.RunDirectory)} to a shorter directory.");
    }

    /// <summary>Connects as soon as the process listens.</summary>
    /// <exception cref="StorageException">The process ended or did not listen in time; the message holds its error output.</exception>
    public static async Task<Socket> ConnectAsync(string path, ChildProcess process, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(StartDeadline, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), either.Token);
                return socket;
            }
            catch (SocketException) when (!process.Exited.IsCompleted)
            {
                // Not listening yet.
                socket.Dispose();
            }
            catch (SocketException)
            {
                socket.Dispose();
                throw new StorageException(StorageFailure.ToolFailed, $"{process} ended with code {await process.Exited}: {process.ErrorText}");
            }
            catch
            {
                socket.Dispose();
                throw;
            }

            try
            {
                await Task.Delay(RetryInterval, timeProvider, either.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new StorageException(StorageFailure.ToolFailed, $"{process} did not listen on {path} within {StartDeadline}: {process.ErrorText}");
            }
        }
    }
}
