// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Worker;

const int Failed = 1;
const int UnusableConfiguration = 2;

try
{
    await using var worker = WorkerHost.Build(args);
    await worker.RunAsync();
    return 0;
}
catch (Exception failure) when (failure is OperatorException || failure.Source == typeof(WorkerHost).Assembly.GetName().Name)
{
    // A wrong setting: the operator gets the sentence, not the stack.
    await Console.Error.WriteLineAsync(failure.Message);
    return UnusableConfiguration;
}
catch (Exception failure)
{
    // The message bus could not be reached at the start, or the process was stopped before it could: the log has the details.
    await Console.Error.WriteLineAsync($"The worker ended: {failure.GetBaseException().Message}");
    return Failed;
}
