// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Grpc.Net.ClientFactory;

/// <summary>Which names were registered, and for which client: a mistake is found when the client is asked for.</summary>
internal sealed class GrpcClientRegistry
{
    private readonly ConcurrentDictionary<string, Type> _clients = new(StringComparer.Ordinal);

    public void Add(string name, Type client)
    {
        if (_clients.GetOrAdd(name, client) != client)
        {
            throw new InvalidOperationException($"The gRPC client name '{name}' is already used for {_clients[name].FullName}.");
        }
    }

    public void Require(string name, Type client)
    {
        if (!_clients.TryGetValue(name, out var registered))
        {
            throw new InvalidOperationException($"No gRPC client configured with name '{name}'.");
        }

        if (registered != client)
        {
            throw new InvalidOperationException($"The gRPC client name '{name}' is registered for {registered.FullName}, not for {client.FullName}.");
        }
    }
}

/// <summary>The channels, one a name, for the life of the root provider.</summary>
internal sealed class GrpcChannelPool(
    IServiceProvider services,
    IHttpMessageHandlerFactory handlers,
    ILoggerFactory loggers,
    IOptionsMonitor<GrpcClientFactoryOptions> options) : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<Entry>> _entries = new(StringComparer.Ordinal);

    public CallInvoker GetCallInvoker(string name) =>
        _entries.GetOrAdd(name, key => new Lazy<Entry>(() => Create(key))).Value.CallInvoker;

    public void Dispose()
    {
        foreach (var entry in _entries.Values)
        {
            if (entry.IsValueCreated)
            {
                entry.Value.Channel.Dispose();
            }
        }

        _entries.Clear();
    }

    private Entry Create(string name)
    {
        var clientOptions = options.Get(name);
        var channelOptions = new GrpcChannelOptions
        {
            HttpHandler = handlers.CreateHandler(name),
            LoggerFactory = loggers,
            ServiceProvider = services,
        };
        foreach (var configure in clientOptions.ChannelOptionsActions)
        {
            configure(channelOptions);
        }

        var address = clientOptions.Address
            ?? throw new InvalidOperationException($"Could not resolve the address for gRPC client '{name}'. Set an address when registering the client.");
        var channel = GrpcChannel.ForAddress(address, channelOptions);
        return new Entry(channel, channel.CreateCallInvoker().Intercept(Interceptors(clientOptions, InterceptorScope.Channel, services)));
    }

    internal static Interceptor[] Interceptors(GrpcClientFactoryOptions options, InterceptorScope scope, IServiceProvider services) =>
        [.. options.InterceptorRegistrations.Where(registration => registration.Scope == scope).Select(registration => registration.Creator(services))];

    private sealed record Entry(GrpcChannel Channel, CallInvoker CallInvoker);
}

internal sealed class DefaultGrpcClientFactory(
    IServiceProvider services,
    GrpcClientRegistry registry,
    GrpcChannelPool channels,
    IOptionsMonitor<GrpcClientFactoryOptions> options) : GrpcClientFactory
{
    public override TClient CreateClient<TClient>(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        registry.Require(name, typeof(TClient));
        var clientOptions = options.Get(name);
        var invoker = channels.GetCallInvoker(name)
            .Intercept(GrpcChannelPool.Interceptors(clientOptions, InterceptorScope.Client, services));
        if (clientOptions.Creator is { } creator)
        {
            return creator(invoker) as TClient
                ?? throw new InvalidOperationException($"The creator of gRPC client '{name}' did not return a {typeof(TClient).FullName}.");
        }

        return ActivatorUtilities.CreateInstance<TClient>(services, invoker);
    }
}
