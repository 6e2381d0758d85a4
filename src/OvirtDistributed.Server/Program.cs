// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server;

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
