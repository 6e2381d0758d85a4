// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OvirtDistributed.Simulator.Admin;
using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Api.Resources;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Model;
using OvirtDistributed.Simulator.Persistence;
using OvirtDistributed.Simulator.Security;

namespace OvirtDistributed.Simulator;

/// <summary>A running simulator: manager, hosts' ImageIO daemons, proxy and storage. Disposing it stops everything it started.</summary>
public sealed class SimulatorHost : IAsyncDisposable
{
    private readonly WebApplication _web;
    private readonly EngineContext _engine;
    private readonly List<IDisposable> _certificates;
    private readonly string? _ownDirectory;

    private SimulatorHost(WebApplication web, EngineContext engine, Uri apiUrl, string caPem, List<IDisposable> certificates, string? ownDirectory)
    {
        _web = web;
        _engine = engine;
        _certificates = certificates;
        _ownDirectory = ownDirectory;
        ApiUrl = apiUrl;
        CaPem = caPem;
        Engine = new SimulatorEngine(engine);
    }

    /// <summary>The API's base URL, <c>https://…/ovirt-engine/api</c>.</summary>
    public Uri ApiUrl { get; }

    /// <summary>The CA of all certificates here, in PEM.</summary>
    public string CaPem { get; }

    /// <summary>The inventory is that of an earlier run in the same data directory, not the model's.</summary>
    public bool Restored { get; private init; }

    /// <summary>What a test sees and does behind the API.</summary>
    public SimulatorEngine Engine { get; }

    /// <summary>Starts a simulator; it answers requests when the task completes.</summary>
    public static Task<SimulatorHost> StartAsync(SimulatorOptions options, SimulatorModel model, CancellationToken cancellationToken) =>
        StartAsync(options, model, DefaultParts.Create(), cancellationToken);

    internal static async Task<SimulatorHost> StartAsync(
        SimulatorOptions options, SimulatorModel model, SimulatorParts parts, CancellationToken cancellationToken)
    {
        var ownDirectory = options.DataDirectory is null ? Directory.CreateTempSubdirectory("ovd-sim-").FullName : null;
        var directory = ownDirectory ?? Directory.CreateDirectory(options.DataDirectory!).FullName;
        var file = ownDirectory is null ? new StateFile(directory) : null;
        var saved = file?.Load();
        var authority = ownDirectory is null ? CertificateAuthority.Kept(directory, options.TimeProvider) : new CertificateAuthority(options.TimeProvider);
        var certificates = new List<IDisposable> { authority };
        EngineContext? engine = null;
        WebApplication? web = null;
        try
        {
            engine = new EngineContext(options, await parts.StartStorageAsync(options, directory, cancellationToken));
            await (saved is null
                ? new ModelBuilder(engine, model).BuildAsync(cancellationToken)
                : new StateRestorer(engine, saved).RestoreAsync(cancellationToken));
            engine.Saver = file is null ? null : new StateSaver(engine.State, file);
            await StartDaemonsAsync(engine, parts, directory, authority, certificates, cancellationToken);
            web = BuildWeb(options, engine, authority, Issue(authority, certificates, options, "manager", []));
            await web.StartAsync(cancellationToken);
            var address = web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
            var api = new Uri($"https://{options.ManagerName}:{new Uri(address).Port}/ovirt-engine/api");
            return new SimulatorHost(web, engine, api, authority.Pem, certificates, ownDirectory) { Restored = saved is not null };
        }
        catch
        {
            if (web is not null)
            {
                await web.DisposeAsync();
            }

            if (engine is not null)
            {
                await engine.DisposeAsync();
            }

            Clean(certificates, ownDirectory);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _web.DisposeAsync();
        await _engine.DisposeAsync();
        Clean(_certificates, _ownDirectory);
    }

    private static void Clean(List<IDisposable> certificates, string? ownDirectory)
    {
        certificates.ForEach(c => c.Dispose());
        if (ownDirectory is not null && Directory.Exists(ownDirectory))
        {
            Directory.Delete(ownDirectory, recursive: true);
        }
    }

    private static async Task StartDaemonsAsync(
        EngineContext engine, SimulatorParts parts, string directory, CertificateAuthority authority, List<IDisposable> certificates, CancellationToken cancellationToken)
    {
        var options = engine.Options;
        foreach (var host in engine.State.Hosts.Values)
        {
            var certificate = Issue(authority, certificates, options, host.Name, [host.Address]);
            if (options.ImageIoControlSocket is not null)
            {
                // One daemon serves all hosts, so any host's certificate will do.
                await PkiFiles.WriteAsync(directory, authority.Pem, certificate, cancellationToken);
            }

            engine.Daemons[host.Id] = await parts.StartDaemonAsync(
                new DaemonRequest(host.Name, false, options, directory, certificate, authority.Pem, engine.Faults), cancellationToken);
        }

        var proxy = Issue(authority, certificates, options, "proxy", []);
        engine.Proxy = await parts.StartDaemonAsync(
            new DaemonRequest("proxy", true, options, directory, proxy, authority.Pem, engine.Faults), cancellationToken);
    }

    private static X509Certificate2 Issue(
        CertificateAuthority authority, List<IDisposable> certificates, SimulatorOptions options, string name, IEnumerable<string> more)
    {
        var certificate = authority.Issue(name, new[] { name, options.ManagerName, options.ListenAddress, "localhost", "127.0.0.1", "::1" }.Concat(more));
        certificates.Add(certificate);
        return certificate;
    }

    private static WebApplication BuildWeb(
        SimulatorOptions options, EngineContext engine, CertificateAuthority authority, X509Certificate2 certificate)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        // The server's own messages go where the simulator's go, and stay the property of whoever gave the factory.
        builder.Services.AddSingleton<Microsoft.Extensions.Hosting.IHostLifetime, NoLifetime>();
        builder.Services.AddSingleton<ILoggerFactory>(new SharedLoggers(options.Loggers));
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(5));
        builder.Services.AddResponseCompression(o =>
        {
            o.EnableForHttps = true;
            o.Providers.Add<GzipCompressionProvider>();
        });
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Parse(options.ListenAddress), options.Port, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.UseHttps(certificate);
            });
        });
        var web = builder.Build();
        web.UseResponseCompression();
        var commands = new EngineCommands(engine);
        var router = Routes(commands);
        var sessions = new SessionStore(options);
        var gate = new FaultGate(engine.Faults, options.TimeProvider);
        var api = new ApiEndpoint(commands, router, new ApiAuthentication(sessions), gate, options.Loggers.CreateLogger<ApiEndpoint>());
        var front = new FrontDoor(
            api, new SsoEndpoints(sessions), new PkiEndpoint(authority), new AdminEndpoint(new SimulatorEngine(engine), router, sessions), gate);
        web.Run(front.HandleAsync);
        return web;
    }

    private sealed class SharedLoggers(ILoggerFactory inner) : ILoggerFactory
    {
        public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

        public ILogger CreateLogger(string categoryName) => inner.CreateLogger(categoryName);

        public void Dispose()
        {
            // The web host disposes what it resolves; this factory is shared.
        }
    }

    private static ApiRouter Routes(EngineCommands commands)
    {
        var router = new ApiRouter();
        var search = new SearchSchemas(commands.State);
        RootResource.Map(router, commands);
        new InventoryResource(commands, search).Map(router);
        new StorageResource(commands, search).Map(router);
        new DiskResource(commands, search).Map(router);
        new VmResource(commands, search).Map(router);
        new VmSettingsResource(commands).Map(router);
        new ProtectionResource(commands).Map(router);
        new ActivityResource(commands, search).Map(router);
        return router;
    }
}
