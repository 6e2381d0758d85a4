// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Google.Protobuf;
using Grpc.Net.Client;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Lab.Certificates;
using OvirtDistributed.Lab.Processes;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Points;

namespace OvirtDistributed.Benchmarks.Processes;

/// <summary>The real <c>ovd-datamover</c> over a new repository, with the calls the backup server would make.</summary>
internal sealed class MoverProcess : IAsyncDisposable
{
    public const string Repository = "bench";

    /// <summary>A repository of the same process that takes the backup before the measured ones.</summary>
    public const string WarmUpRepository = "warmup";

    private readonly ChildProcess _process;
    private readonly ServiceSettings _settings;
    private readonly TlsIdentity _identity;
    private readonly GrpcChannel _channel;
    private readonly MoverControlService.MoverControlServiceClient _control;

    private MoverProcess(ChildProcess process, ServiceSettings settings, TlsIdentity identity)
    {
        _process = process;
        _settings = settings;
        _identity = identity;
        _channel = GrpcChannels.Create(Address, identity);
        _control = new MoverControlService.MoverControlServiceClient(_channel);
    }

    public string Address => _settings.GrpcAddress.GetLeftPart(UriPartial.Authority);

    public int ProcessId => _process.Id;

    public static async Task<MoverProcess> StartAsync(
        LabCertificates certificates, string repositoryDirectory, string logDirectory, CancellationToken cancellationToken)
    {
        var identity = TlsIdentity.Load(certificates.Issue("server"))!;
        var settings = new ServiceSettings("datamover", certificates.Issue("datamover"))
            .Set($"DataMover:Repositories:{Repository}:Path", repositoryDirectory)
            .Set($"DataMover:Repositories:{Repository}:GarbageCollection:Grace", "00:00:00")
            .Set($"DataMover:Repositories:{WarmUpRepository}:Path", Path.Combine(logDirectory, WarmUpRepository));
        var process = ChildProcess.Start(
            "datamover",
            Path.Combine(AppContext.BaseDirectory, "ovd-datamover"),
            settings.Arguments(),
            new Dictionary<string, string?>(StringComparer.Ordinal),
            Path.Combine(logDirectory, "datamover.log"));
        var mover = new MoverProcess(process, settings, identity);
        try
        {
            // Ready only once it has a repository that works: it is made first, as soon as the service answers.
            await mover.CreateRepositoryAsync(cancellationToken);
            await ReadinessProbe.WaitAsync("datamover", settings.HttpAddress, mover.Ended, cancellationToken);
            return mover;
        }
        catch
        {
            await mover.DisposeAsync();
            throw;
        }
    }

    public async Task CommitAsync(string repository, VmManifest manifest, CancellationToken cancellationToken) => _ = await _control.CommitAsync(
        new CommitRequest { Repository = repository, JobId = manifest.JobId, Manifest = ByteString.CopyFrom(ManifestCodec.Write(manifest, ContentKeys.Of(BenchmarkKey.Value))) },
        cancellationToken: cancellationToken);

    public async Task RemovePointAsync(string repository, string point, CancellationToken cancellationToken) => _ = await _control.RemovePointAsync(
        new RemovePointRequest { Repository = repository, PointId = point }, cancellationToken: cancellationToken);

    /// <summary>Runs a round to its end.</summary>
    public async Task<GarbageReport> CollectGarbageAsync(string repository, CancellationToken cancellationToken)
    {
        using var call = _control.CollectGarbage(new CollectGarbageRequest { Repository = repository }, cancellationToken: cancellationToken);
        GarbageReport? report = null;
        while (await call.ResponseStream.MoveNext(cancellationToken))
        {
            report = call.ResponseStream.Current.Report ?? report;
        }

        return report ?? throw new InvalidOperationException("Garbage collection ended without a report.");
    }

    /// <summary>Managed bytes allocated since the start, as its metrics say; null when they do not.</summary>
    public async Task<double?> AllocatedBytesAsync(CancellationToken cancellationToken)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var text = await client.GetStringAsync(new Uri(_settings.HttpAddress, "/metrics"), cancellationToken);
        var line = text.Split('\n').FirstOrDefault(line => line.StartsWith("dotnet_gc_heap_total_allocated", StringComparison.Ordinal));
        return line is null ? null : double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        _identity.Dispose();
        await _process.DisposeAsync();
    }

    private static CreateRepositoryRequest NewRepository(string name)
    {
        var encryption = BenchmarkKey.Value.Describe();
        return new CreateRepositoryRequest
        {
            Name = name,
            Encryption = new RepositoryEncryption { KeySetId = encryption.KeySetId.ToString("D"), KeyCheck = ByteString.CopyFrom(encryption.KeyCheck.Span) },
        };
    }

    private string? Ended() => _process.HasExited ? $"it ended; its log says:{Environment.NewLine}{_process.Tail()}" : null;

    private async Task CreateRepositoryAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(90));
        while (true)
        {
            try
            {
                _ = await _control.CreateRepositoryAsync(NewRepository(Repository), cancellationToken: limit.Token);
                _ = await _control.CreateRepositoryAsync(NewRepository(WarmUpRepository), cancellationToken: limit.Token);
                return;
            }
            catch (Grpc.Core.RpcException failure) when (failure.StatusCode == Grpc.Core.StatusCode.Unavailable && Ended() is null)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, limit.Token);
            }
        }
    }
}
