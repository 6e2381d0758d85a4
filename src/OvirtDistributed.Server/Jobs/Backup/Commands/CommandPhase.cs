// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>On which side of the moment a command runs. Stored as text.</summary>
internal enum CommandPhase
{
    Pre,
    Post,
}
