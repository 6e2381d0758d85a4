// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Jobs.Copy;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Jobs.Verify;

namespace OvirtDistributed.Server.Jobs;

/// <summary>One run for one VM.</summary>
internal sealed class Job
{
    public required Guid Id { get; init; }

    public required JobKind Kind { get; init; }

    public JobState State { get; set; } = JobState.Preparing;

    public JobOutcome Outcome { get; set; } = JobOutcome.Running;

    public required Guid ManagerId { get; init; }

    /// <summary>The VM that is backed up, or whose point is restored.</summary>
    public required Guid VmId { get; init; }

    public required string VmName { get; set; }

    /// <summary>Set anew only by a restore that has to read from a copy of its point.</summary>
    public required Guid RepositoryId { get; set; }

    /// <summary>The cluster whose workers are offered the tasks.</summary>
    public Guid ClusterId { get; set; }

    public BackupDetails? Backup { get; set; }

    public RestoreDetails? Restore { get; set; }

    public CopyDetails? Copy { get; set; }

    public VerifyDetails? Verify { get; set; }

    /// <summary>Why it failed, or what needs attention.</summary>
    public string Message { get; set; } = "";

    /// <summary>What the job changed or left out on its own.</summary>
    public IReadOnlyList<string> Notes { get; set; } = [];

    /// <summary>Warnings turn a success into <see cref="JobOutcome.Warning"/>.</summary>
    public IReadOnlyList<string> Warnings { get; set; } = [];

    public string? PointId { get; set; }

    public bool CancelRequested { get; set; }

    /// <summary>W3C trace context of the call that made the job.</summary>
    public string? TraceParent { get; init; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? Ended { get; set; }

    /// <summary>When the present step was entered: limits waiting.</summary>
    public DateTimeOffset StepEntered { get; set; }

    /// <summary>The runner leaves the job alone until then.</summary>
    public DateTimeOffset NextRun { get; set; }

    /// <summary>Failed tries of the present step in a row.</summary>
    public int StepTries { get; set; }

    /// <summary>The first of them: patience is counted from here, not from the step's beginning, because copying may take hours.</summary>
    public DateTimeOffset? FailingSince { get; set; }

    public uint Version { get; set; }

    public List<DiskTask> Tasks { get; } = [];

    public void Note(string note)
    {
        if (!Notes.Contains(note))
        {
            Notes = [.. Notes, note];
        }
    }

    public void Warn(string warning)
    {
        if (!Warnings.Contains(warning))
        {
            Warnings = [.. Warnings, warning];
        }
    }
}
