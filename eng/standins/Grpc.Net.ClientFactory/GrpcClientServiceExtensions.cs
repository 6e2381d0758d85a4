// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics.CodeAnalysis;
using Grpc.Net.ClientFactory;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

public static class GrpcClientServiceExtensions
{
    /// <summary>Registers a gRPC client as a transient service, its handler being the named HTTP client's.</summary>
    public static IHttpClientBuilder AddGrpcClient<TClient>(this IServiceCollection services)
        where TClient : class => services.AddGrpcClientCore<TClient>(DefaultName<TClient>(), null);

    public static IHttpClientBuilder AddGrpcClient<TClient>(this IServiceCollection services, Action<GrpcClientFactoryOptions> configureClient)
        where TClient : class => services.AddGrpcClient<TClient>(DefaultName<TClient>(), configureClient);

    public static IHttpClientBuilder AddGrpcClient<TClient>(this IServiceCollection services, Action<IServiceProvider, GrpcClientFactoryOptions> configureClient)
        where TClient : class => services.AddGrpcClient<TClient>(DefaultName<TClient>(), configureClient);

    public static IHttpClientBuilder AddGrpcClient<TClient>(this IServiceCollection services, string name)
        where TClient : class => services.AddGrpcClientCore<TClient>(name, null);

    public static IHttpClientBuilder AddGrpcClient<TClient>(this IServiceCollection services, string name, Action<GrpcClientFactoryOptions> configureClient)
        where TClient : class
    {
        ArgumentNullException.ThrowIfNull(configureClient);
        return services.AddGrpcClientCore<TClient>(name, (_, options) => configureClient(options));
    }

    public static IHttpClientBuilder AddGrpcClient<TClient>(this IServiceCollection services, string name, Action<IServiceProvider, GrpcClientFactoryOptions> configureClient)
        where TClient : class
    {
        ArgumentNullException.ThrowIfNull(configureClient);
        return services.AddGrpcClientCore<TClient>(name, configureClient);
    }

    private static string DefaultName<TClient>() => typeof(TClient).Name;

    [SuppressMessage("Reliability", "CA2000", Justification = "The handler belongs to the HTTP client factory.")]
    private static IHttpClientBuilder AddGrpcClientCore<TClient>(
        this IServiceCollection services, string name, Action<IServiceProvider, GrpcClientFactoryOptions>? configureClient)
        where TClient : class
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(name);

        services.AddLogging();
        services.AddOptions();
        services.TryAddSingleton<GrpcChannelPool>();
        services.TryAddTransient<GrpcClientFactory, DefaultGrpcClientFactory>();
        Registry(services).Add(name, typeof(TClient));
        if (configureClient is not null)
        {
            services.AddTransient<Microsoft.Extensions.Options.IConfigureOptions<GrpcClientFactoryOptions>>(provider =>
                new Microsoft.Extensions.Options.ConfigureNamedOptions<GrpcClientFactoryOptions>(name, options => configureClient(provider, options)));
        }

        services.AddTransient(provider => provider.GetRequiredService<GrpcClientFactory>().CreateClient<TClient>(name));

        // The channel keeps its handler, so the factory must not retire it.
        return services.AddHttpClient(name)
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { EnableMultipleHttp2Connections = true })
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan);
    }

    private static GrpcClientRegistry Registry(IServiceCollection services)
    {
        if (services.FirstOrDefault(service => service.ServiceType == typeof(GrpcClientRegistry))?.ImplementationInstance is GrpcClientRegistry registry)
        {
            return registry;
        }

        registry = new GrpcClientRegistry();
        services.AddSingleton(registry);
        return registry;
    }
}
