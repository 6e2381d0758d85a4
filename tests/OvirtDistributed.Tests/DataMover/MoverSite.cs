// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics.Metrics;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Listening;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

/// <summary>A real Data Mover with mutual TLS on loopback, over a repository "main" in a directory of the test, and clients to it.</summary>
internal sealed class MoverSite : IAsyncDisposable
{
    public const string Main = "main";

    private readonly TemporaryDirectory _directory;
    private readonly bool _ownsDirectory;
    private readonly TlsIdentity _identity;
    private readonly List<GrpcChannel> _channels = [];
    private WebApplication? _application;

    private MoverSite(TemporaryDirectory directory, bool ownsDirectory, TlsIdentity identity)
    {
        _directory = directory;
        _ownsDirectory = ownsDirectory;
        _identity = identity;
    }

    public Uri Address { get; private set; } = new("https://127.0.0.1:0");

    public Uri HttpAddress => _application!.HttpAddress();

    public IMeterFactory Meters => _application!.Services.GetRequiredService<IMeterFactory>();

    public string RepositoryPath => _directory.File(Main);

    public MoverControlService.MoverControlServiceClient Control => new(NewChannel());

    public BackupSessionService.BackupSessionServiceClient Backup => new(NewChannel());

    public ReadSessionService.ReadSessionServiceClient Reads => new(NewChannel());

    public static Task<MoverSite> StartAsync(Dictionary<string, string?>? settings = null, TimeProvider? timeProvider = null) =>
        StartAsync(new TemporaryDirectory(), ownsDirectory: true, settings, timeProvider);

    /// <summary>Over a directory that outlives the Data Mover: for restarts.</summary>
    public static async Task<MoverSite> StartAsync(
        TemporaryDirectory directory, bool ownsDirectory, Dictionary<string, string?>? settings = null, TimeProvider? timeProvider = null)
    {
        var certificates = TestCertificates.Write(directory.File("tls"));
        var site = new MoverSite(directory, ownsDirectory, TlsIdentity.Load(certificates.Options)!);
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = directory.Path });
        builder.Configuration.AddInMemoryCollection(SettingsOf(directory, certificates));
        builder.Configuration.AddInMemoryCollection(settings ?? []);
        if (timeProvider is not null)
        {
            builder.Services.AddSingleton(timeProvider);
        }

        site._application = DataMoverHost.Build(builder);
        await site._application.StartAsync(TestContext.Current.CancellationToken).WithinDeadline();
        site.Address = site._application.GrpcAddress();
        return site;
    }

    /// <summary>As <see cref="StartAsync(Dictionary{string, string?}, TimeProvider)"/>, with the repository made.</summary>
    public static async Task<MoverSite> StartWithRepositoryAsync(Dictionary<string, string?>? settings = null, TimeProvider? timeProvider = null)
    {
        var site = await StartAsync(settings, timeProvider);
        await site.Control.CreateRepositoryAsync(new CreateRepositoryRequest { Name = Main }, cancellationToken: TestContext.Current.CancellationToken)
            .ResponseAsync.WithinDeadline();
        return site;
    }

    public static Dictionary<string, string?> SettingsOf(TemporaryDirectory directory, TestCertificates certificates) => new()
    {
        ["DataMover:Repositories:main:Path"] = directory.File(Main),
        ["DataMover:Limits:DrainTimeout"] = "00:02:00", // a stop of the test ends in order, also on a machine that is busy
        ["Tls:CertificateFile"] = certificates.Options.CertificateFile,
        ["Tls:KeyFile"] = certificates.Options.KeyFile,
        ["Tls:CaFile"] = certificates.Options.CaFile,
        ["Logging:Console:Disabled"] = "true",
    };

    /// <summary>A channel, that is a connection, of its own; closed with the site.</summary>
    public GrpcChannel NewChannel()
    {
        var channel = GrpcChannels.Create(Address.ToString(), _identity);
        _channels.Add(channel);
        return channel;
    }

    public Task StopAsync() => _application!.StopAsync(TestContext.Current.CancellationToken).WithinDeadline();

    public async ValueTask DisposeAsync()
    {
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }

        if (_application is not null)
        {
            await _application.StopAsync(CancellationToken.None).WithinDeadline();
            await _application.DisposeAsync().AsTask().WithinDeadline();
        }

        _identity.Dispose();
        if (_ownsDirectory)
        {
            _directory.Dispose();
        }
    }
}
