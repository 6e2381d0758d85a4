// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Servers;
using OvirtDistributed.Tests.Shared;
using Xunit;

[assembly: AssemblyFixture(typeof(SharedServers))]
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace OvirtDistributed.EndToEnd.Sites;

/// <summary>One PostgreSQL and one RabbitMQ for all tests; each test has its own database, queues and everything else.</summary>
public sealed class SharedServers : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("ovd-e2e-").FullName;

    public PrivatePostgres Postgres { get; private set; } = null!;

    public PrivateRabbitMq RabbitMq { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        // PostgreSQL runs as another user under root and has to pass through.
        File.SetUnixFileMode(_directory, (UnixFileMode)0b111_001_001);
        Postgres = await PrivatePostgres.StartAsync(Path.Combine(_directory, "pg"), CancellationToken.None).WithinDeadline();
        RabbitMq = await PrivateRabbitMq.StartAsync(Path.Combine(_directory, "mq"), CancellationToken.None).WithinDeadline(TimeSpan.FromSeconds(120));
    }

    public async ValueTask DisposeAsync()
    {
        await RabbitMq.DisposeAsync();
        await Postgres.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
