// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.DataMover;
using OvirtDistributed.DataMover.Commands;
using OvirtDistributed.Hosting.Errors;

const int UnusableConfiguration = 2;

try
{
    if (args is [AcceptClockCommand.Name, var directory])
    {
        return await AcceptClockCommand.RunAsync(directory, Console.Out, TimeProvider.System, CancellationToken.None);
    }

    await using var application = DataMoverHost.Build(args);
    await application.RunAsync();
    return 0;
}
catch (OperatorException failure)
{
    await Console.Error.WriteLineAsync(failure.Message);
    return UnusableConfiguration;
}
