// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server;

try
{
    await using var server = ServerHost.Build(args);
    await server.RunAsync();
    return 0;
}
catch (InvalidOperationException failure) when (failure.Source == typeof(ServerHost).Assembly.GetName().Name)
{
    // A wrong setting: the operator gets the sentence, not the stack.
    await Console.Error.WriteLineAsync(failure.Message);
    return 2;
}
