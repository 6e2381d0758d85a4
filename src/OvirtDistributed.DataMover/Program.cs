// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.DataMover;
using OvirtDistributed.DataMover.Validation;
using OvirtDistributed.Hosting.Errors;

const int UnusableConfiguration = 2;

try
{
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
