// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Configuration;
using OvirtDistributed.Hosting.Listening;
using OvirtDistributed.Server;
using OvirtDistributed.Server.Jobs.Backup.Freezing;

const string Usage = """
    ovd-server: plans and supervises backups and restores of VMs.

    Usage: ovd-server --Server:ConnectionString=POSTGRESQL --Server:DataDirectory=DIRECTORY [--Section:Key=value ...]

    Settings also come from the environment (Section__Key=value) and appsettings.json:
      Server:ConnectionString   of PostgreSQL, for example Host=localhost;Database=ovd;Username=ovd;Password=...
      Server:DataDirectory      holds server.key, which seals passwords and repository keys: back it up
      Bus:Uri                   RabbitMQ for workers of their own, amqp://USER:PASSWORD@HOST:5672/
      Listen:Grpc, Listen:Http  address:port of gRPC, and of health and metrics; 127.0.0.1:7443 and :8443 by default
      Tls:CertificateFile, Tls:KeyFile, Tls:CaFile
    All settings: docs/operator-guide.md
    """;

if (args is [ThawGuardProgram.Verb])
{
    return await ThawGuardProgram.RunAsync(Console.OpenStandardInput(), Console.OpenStandardOutput());
}

return await new ServiceProgram("ovd-server", Usage, []).RunAsync(
    args,
    arguments =>
    {
        var builder = WebApplication.CreateBuilder(arguments);
        DefaultPorts.Server.ApplyTo(builder);
        return ServerHost.Build(builder);
    },
    Console.Out,
    Console.Error);
