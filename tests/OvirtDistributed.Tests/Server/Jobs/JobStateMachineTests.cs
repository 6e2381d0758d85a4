// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

public sealed class JobStateMachineTests
{
    public static TheoryData<string> Kinds => [.. Enum.GetNames<JobKind>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryStateAndEvent_IsDecided(string kind)
    {
        var machine = Machine(kind);

        foreach (var state in machine.States)
        {
            foreach (var jobEvent in Enum.GetValues<JobEvent>())
            {
                var next = machine.Next(state, jobEvent);
                Assert.True(next is null || machine.States.Contains(next.Value), $"{state} + {jobEvent} leads out of the machine to {next}.");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EndStates_IgnoreEveryEvent(string kind)
    {
        var machine = Machine(kind);
        var ends = machine.States.Where(JobStateMachine.IsEnd).ToList();

        // Only what an engine does late can go wrong behind the result.
        JobState[] late = kind is "Copy" or "Verify" ? [] : [JobState.Warning];
        Assert.Equal([.. new[] { JobState.Succeeded, JobState.Failed, JobState.Cancelled }.Concat(late).Order()], ends.Order());
        Assert.All(ends, end => Assert.All(Enum.GetValues<JobEvent>(), jobEvent => Assert.Null(machine.Next(end, jobEvent))));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void StepFailed_MovesEveryWorkingState(string kind)
    {
        var machine = Machine(kind);

        Assert.All(
            machine.States.Where(state => !JobStateMachine.IsEnd(state)),
            state => Assert.NotNull(machine.Next(state, JobEvent.StepFailed)));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryState_IsReachedFromTheStart(string kind)
    {
        var machine = Machine(kind);
        var reached = new HashSet<JobState> { JobState.Preparing };
        var open = new Queue<JobState>(reached);
        while (open.TryDequeue(out var state))
        {
            foreach (var next in Enum.GetValues<JobEvent>().Select(jobEvent => machine.Next(state, jobEvent)).OfType<JobState>())
            {
                if (reached.Add(next))
                {
                    open.Enqueue(next);
                }
            }
        }

        Assert.Equal(machine.States.Order(), reached.Order());
    }

    [Theory]
    [InlineData("Backup", "Preparing", "CancelRequested", "Undoing")]
    [InlineData("Backup", "Copying", "CancelRequested", "Undoing")]
    [InlineData("Backup", "Committing", "CancelRequested", null)]
    [InlineData("Backup", "Finalizing", "CancelRequested", null)]
    [InlineData("Backup", "Committing", "StepFailed", "Undoing")]
    [InlineData("Backup", "Finalizing", "FinalizeFailed", "Warning")]
    [InlineData("Backup", "AwaitingBackup", "CheckpointLost", "StartingBackup")]
    [InlineData("Backup", "StartingBackup", "Outdated", "Preparing")]
    [InlineData("Backup", "AwaitingBackup", "ConsistencyRefused", "StartingBackup")]
    [InlineData("Backup", "Copying", "Prepared", null)]
    [InlineData("Restore", "CompletingVm", "CancelRequested", "Undoing")]
    [InlineData("Restore", "StartingVm", "CancelRequested", null)]
    [InlineData("Restore", "StartingVm", "StepFailed", "Warning")]
    [InlineData("Restore", "Undoing", "UndoneAfterCancel", "Cancelled")]
    [InlineData("Restore", "Preparing", "SafetyNeeded", "SecuringVm")]
    [InlineData("Restore", "SecuringVm", "CancelRequested", "Undoing")]
    [InlineData("Restore", "SwitchingDisks", "CancelRequested", null)]
    [InlineData("Restore", "SwitchingDisks", "StepFailed", "PuttingBack")]
    [InlineData("Restore", "PuttingBack", "StepFailed", "Undoing")]
    public void RuleOfFailure_HasItsTransition(string kind, string state, string jobEvent, string? next) =>
        Assert.Equal(
            next is null ? null : Enum.Parse<JobState>(next),
            Machine(kind).Next(Enum.Parse<JobState>(state), Enum.Parse<JobEvent>(jobEvent)));

    [Fact]
    public void ForeignState_IsAnError() =>
        Assert.Throws<InvalidOperationException>(() => JobStateMachine.Restore.Next(JobState.Finalizing, JobEvent.Undone));

    private static JobStateMachine Machine(string kind) => JobStateMachine.For(Enum.Parse<JobKind>(kind));
}
