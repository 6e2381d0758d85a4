// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Configuration;
using OvirtDistributed.Hosting.Listening;
using OvirtDistributed.Worker;

const string Usage = """
    ovd-worker: moves disk data between an oVirt cluster and Data Movers, as the backup server says.

    Usage: ovd-worker --Worker:Server=https://HOST:7443 --Worker:ClusterId=ID --Bus:Uri=amqp://USER:PASSWORD@HOST:5672/ [--Section:Key=value ...]

    Settings also come from the environment (Section__Key=value) and appsettings.json:
      Worker:Server      address of the backup server
      Worker:ClusterId   id of the oVirt cluster (ovd manager inventory NAME -o json)
      Worker:Name        the machine's name by default
      Worker:Slots       disks at a time, 2 by default
      Bus:Uri            RabbitMQ of the backup server
      Listen:Grpc, Listen:Http  127.0.0.1:7445 and :8445 by default
      Tls:CertificateFile, Tls:KeyFile, Tls:CaFile
    All settings: docs/operator-guide.md
    """;

return await new ServiceProgram("ovd-worker", Usage, []).RunAsync(
    args, arguments => WorkerHost.Build(arguments, DefaultPorts.Worker.ApplyTo), Console.Out, Console.Error);
