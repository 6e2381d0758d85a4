// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>A layer as messages name it.</summary>
internal readonly record struct VolumeName(string Disk, Guid Layer)
{
    /// <summary>The layer's file cannot be what its format says.</summary>
    /// <param name="offset">Where in the file.</param>
    /// <param name="problem">What is wrong there.</param>
    public TaskFailureException Damaged(long offset, string problem) =>
        new(FailureCode.SourceFailed, $"Layer {Layer} of disk {Disk} is damaged at byte {offset} of its file: {problem.TrimEnd('.')}. Nothing was taken from it.");

    /// <summary>The layer uses something this reader does not know.</summary>
    public TaskFailureException Unsupported(string what) =>
        new(FailureCode.SourceFailed, $"Layer {Layer} of disk {Disk} cannot be read: it uses {what}. Use another transport mode for this VM: disk-attachment or ssh.");

    public override string ToString() => $"layer {Layer} of disk {Disk}";
}
