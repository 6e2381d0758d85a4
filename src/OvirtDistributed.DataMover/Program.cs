// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.DataMover;
using OvirtDistributed.DataMover.Commands;
using OvirtDistributed.DataMover.Validation;
using OvirtDistributed.Hosting.Errors;

const int UnusableConfiguration = 2;

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

    await using var application = DataMoverHost.Build(args);
    await application.RunAsync();
    return 0;
}
catch (OperatorException failure)
{
    await Console.Error.WriteLineAsync(failure.Message);
    return UnusableConfiguration;
}
