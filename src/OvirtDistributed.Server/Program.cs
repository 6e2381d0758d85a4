// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server;
using OvirtDistributed.Server.Jobs.Backup.Freezing;

if (args is [ThawGuardProgram.Verb])
{
    return await ThawGuardProgram.RunAsync(Console.OpenStandardInput(), Console.OpenStandardOutput());
}

WebApplication server;
try
{
    server = ServerHost.Build(args);
}
catch (InvalidOperationException failure)
{
    // A wrong setting: the operator gets the sentence, not the stack.
    await Console.Error.WriteLineAsync(failure.Message);
    return 2;
}

await using (server)
{
    await server.RunAsync();
}

return 0;
