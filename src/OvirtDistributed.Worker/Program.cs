// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Worker;

try
{
    var application = WorkerHost.Build(args);
    await using (application)
    {
        await application.RunAsync();
    }

    return 0;
}
catch (InvalidOperationException failure)
{
    // Wrong configuration: the messages are written for the person at the terminal.
    await Console.Error.WriteLineAsync(failure.Message);
    return 2;
}
