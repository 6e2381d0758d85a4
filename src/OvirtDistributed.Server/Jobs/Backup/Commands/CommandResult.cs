// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>How a command ended. The output is the end of what it wrote, both streams together.</summary>
internal sealed record CommandResult(int ExitCode, bool TimedOut, string Output, bool OutputCut);
