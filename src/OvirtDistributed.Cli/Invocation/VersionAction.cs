// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Invocation;
using OvirtDistributed.Hosting.Telemetry;

namespace OvirtDistributed.Cli.Invocation;

internal sealed class VersionAction : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        parseResult.InvocationConfiguration.Output.WriteLine($"ovd {ServiceDefaults.Version}");
        return (int)ExitCode.Ok;
    }
}
