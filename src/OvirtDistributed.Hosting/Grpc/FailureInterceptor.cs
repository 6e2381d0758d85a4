// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Telemetry;

namespace OvirtDistributed.Hosting.Grpc;

/// <summary>The one place where failures become gRPC statuses.</summary>
internal sealed partial class FailureInterceptor(ILogger<FailureInterceptor> logger) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        context.ResponseTrailers.Add(ServiceDefaults.VersionTrailer, ServiceDefaults.Version);
        try
        {
            return await continuation(request, context);
        }
        catch (Exception failure)
        {
            throw ToRpc(failure, context);
        }
    }

    public override async Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(requestStream, context);
        }
        catch (Exception failure)
        {
            throw ToRpc(failure, context);
        }
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(request, responseStream, context);
        }
        catch (Exception failure)
        {
            throw ToRpc(failure, context);
        }
    }

    public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(requestStream, responseStream, context);
        }
        catch (Exception failure)
        {
            throw ToRpc(failure, context);
        }
    }

    private RpcException ToRpc(Exception failure, ServerCallContext context)
    {
        switch (failure)
        {
            case RpcException rpc:
                return rpc;
            case OperatorException known:
                Log.CallRefused(logger, context.Method, known.Kind, known.Message);
                return FailureStatus.ToRpc(known);
            case OperationCanceledException when context.CancellationToken.IsCancellationRequested:
                return new RpcException(new Status(StatusCode.Cancelled, "The call was cancelled."));
            default:
                // A gone connection shows as an I/O error of the request body; nobody is there to read the answer.
                if (context.CancellationToken.IsCancellationRequested)
                {
                    return new RpcException(new Status(StatusCode.Cancelled, "The connection was closed."));
                }

                var reference = Guid.NewGuid().ToString("N")[..8];
                Log.CallFailed(logger, context.Method, reference, failure);
                return new RpcException(new Status(
                    StatusCode.Internal, $"Unexpected error; the log of the service has the details under reference {reference}."));
        }
    }
}
