// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;

using var process = new ProcessHost();
return await CliApplication.RunAsync(args, process.Host, process.Interrupted);
