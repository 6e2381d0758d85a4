// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>A larger text that belongs to a job and is read only by the step that needs it.</summary>
internal sealed class JobDocument
{
    /// <summary>The VM as it was when the backup was prepared (JSON of <c>EngineVm</c>).</summary>
    public const string Vm = "vm";

    /// <summary>The VM's OVF, read when the backup was ready.</summary>
    public const string Ovf = "ovf";

    /// <summary>Backup: what the VM is set to (JSON of <c>VmMetadata</c>).</summary>
    public const string Metadata = "metadata";

    /// <summary>Restore: what the new VM is to be set to (JSON of <c>SettingsPlan</c>).</summary>
    public const string Settings = "settings";

    /// <summary>Manifest of the point that is restored.</summary>
    public const string Manifest = "manifest";

    public required Guid JobId { get; init; }

    public required string Name { get; init; }

    public required string Content { get; set; }
}
