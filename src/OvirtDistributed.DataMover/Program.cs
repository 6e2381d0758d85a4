// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.DataMover;
using OvirtDistributed.DataMover.Commands;
using OvirtDistributed.DataMover.Validation;
using OvirtDistributed.Hosting.Configuration;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Listening;

const string Usage = """
    ovd-datamover: serves repositories to workers, restores and the backup server.

    Usage: ovd-datamover --DataMover:Repositories:NAME:Path=DIRECTORY [--Section:Key=value ...]
           ovd-datamover accept-clock --repository NAME | --path DIRECTORY
           ovd-datamover validate-storage --path DIRECTORY | --repository NAME

    Settings also come from the environment (Section__Key=value) and appsettings.json:
      DataMover:Repositories:NAME:Path     directory of a repository, or ...:S3:* for a bucket
      Listen:Grpc, Listen:Http             address:port of gRPC, and of health and metrics; 127.0.0.1:7444 and :8444 by default
      Tls:CertificateFile, KeyFile, CaFile needed to listen on anything but loopback
    All settings: docs/operator-guide.md
    """;

try
{
    if (args is [AcceptClockCommand.Name, .. var clockArguments])
    {
        return await AcceptClockCommand.RunAsync(clockArguments, Console.Out, TimeProvider.System, CancellationToken.None);
    }

    if (args is [ValidateStorageCommand.Name, .. var arguments])
    {
        return await ValidateStorageCommand.RunAsync(arguments, Console.Out, CancellationToken.None);
    }
}
catch (OperatorException failure)
{
    await Console.Error.WriteLineAsync(failure.Message);
    return ServiceProgram.Unusable;
}

return await new ServiceProgram(DataMoverHost.ServiceName, Usage, [AcceptClockCommand.Name, ValidateStorageCommand.Name]).RunAsync(
    args,
    arguments =>
    {
        var builder = WebApplication.CreateBuilder(arguments);
        DefaultPorts.DataMover.ApplyTo(builder);
        return DataMoverHost.Build(builder);
    },
    Console.Out,
    Console.Error);
