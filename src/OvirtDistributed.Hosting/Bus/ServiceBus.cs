// SPDX-License-Identifier: Apache-2.0

using MassTransit;
using Microsoft.Extensions.DependencyInjection;

namespace OvirtDistributed.Hosting.Bus;

/// <summary>Puts MassTransit into a service, on RabbitMQ or in memory.</summary>
public static class ServiceBus
{
    /// <summary>
    /// Adds the bus. Endpoints are connected later (<c>IReceiveEndpointConnector</c>) by whoever consumes.
    /// The service starts only when the bus is connected: a wrong address shows at once.
    /// </summary>
    public static IServiceCollection AddServiceBus(
        this IServiceCollection services, BusOptions options, Action<IBusRegistrationConfigurator>? configure = null)
    {
        services.Configure<MassTransitHostOptions>(host =>
        {
            host.WaitUntilStarted = true;
            host.StartTimeout = TimeSpan.FromMinutes(1);
            host.StopTimeout = TimeSpan.FromSeconds(30);
        });
        return services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            configure?.Invoke(bus);
            if (options.InMemory)
            {
                bus.UsingInMemory((context, memory) => memory.ConfigureEndpoints(context));
            }
            else
            {
                bus.UsingRabbitMq((context, rabbit) =>
                {
                    rabbit.Host(new Uri(options.Uri!), host => host.PublisherConfirmation = true);
                    rabbit.ConfigureEndpoints(context);
                });
            }
        });
    }
}
