// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using System.Security.Authentication;
using Grpc.Core;
using OvirtDistributed.Cli.Invocation;

namespace OvirtDistributed.Cli.Connection;

/// <summary>Tells failures of the connection from answers of the service, and says what to check.</summary>
internal static class TransportFailure
{
    /// <summary>The failure when it is one of the connection; null when the service itself answered.</summary>
    public static Failure? Describe(RpcException rpc, string? address)
    {
        if (rpc.StatusCode == StatusCode.DeadlineExceeded)
        {
            return Timeout(address);
        }

        // Only failures that arose on this side carry an exception.
        var cause = rpc.Status.DebugException;
        if (cause is null)
        {
            return null;
        }

        if (Find<AuthenticationException>(cause) is { } tls)
        {
            return new Failure(
                ExitCode.Unavailable,
                "tls_failed",
                $"No trusted TLS connection to {address}: {tls.Message} Check that --tls-ca is the CA of the server's certificate, that the address is a name in it, and that --tls-cert was issued by the same CA.");
        }

        if (Find<SocketException>(cause) is { } socket)
        {
            return new Failure(
                ExitCode.Unavailable,
                "unavailable",
                $"Cannot reach {address}: {socket.Message.TrimEnd('.')}. Check that the service runs, that the address is right (--server, OVD_SERVER or the configuration file) and that no firewall is between.");
        }

        return new Failure(
            ExitCode.Unavailable,
            "unavailable",
            $"The connection to {address} failed: {Innermost(cause).Message} Check that the service runs, that the address is its gRPC address, and that https is used exactly when the server has a certificate.");
    }

    public static Failure Timeout(string? address) =>
        new(ExitCode.Unavailable, "timeout", $"{address} did not answer in time. Check its load and log, or allow more with --timeout.");

    /// <summary>True when the call may work if made again, because the connection and not the service failed.</summary>
    public static bool IsConnectionLoss(RpcException rpc) =>
        rpc.StatusCode == StatusCode.Unavailable || (rpc.Status.DebugException is { } cause && Find<AuthenticationException>(cause) is null);

    /// <summary>True when no connection came about, so that the request was certainly not carried out.</summary>
    public static bool NeverConnected(RpcException rpc) =>
        rpc.Status.DebugException is { } cause
        && Find<SocketException>(cause) is { SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostNotFound or SocketError.TryAgain or SocketError.HostUnreachable or SocketError.NetworkUnreachable };

    private static T? Find<T>(Exception exception)
        where T : Exception
    {
        for (var current = exception; current is not null; current = current.InnerException!)
        {
            if (current is T found)
            {
                return found;
            }
        }

        return null;
    }

    private static Exception Innermost(Exception exception)
    {
        while (exception.InnerException is { } inner)
        {
            exception = inner;
        }

        return exception;
    }
}
