// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Grpc.Core.Interceptors;
using OvirtDistributed.Repository;

namespace OvirtDistributed.DataMover.Errors;

/// <summary>Turns what the repository throws into what callers are told; the common interceptor around it makes the gRPC status.</summary>
internal sealed class RepositoryFailureInterceptor : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context);
        }
        catch (RepositoryException failure)
        {
            throw Translated(failure);
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
        catch (RepositoryException failure)
        {
            throw Translated(failure);
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
        catch (RepositoryException failure)
        {
            throw Translated(failure);
        }
    }

    private static Exception Translated(RepositoryException failure) => failure.Error == RepositoryError.MissingFrames
        ? RepositoryFailures.MissingFrames(failure)
        : RepositoryFailures.ToOperator(failure);
}
