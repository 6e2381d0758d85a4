// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Agent;

public sealed class WorkerAgentTests
{
    [Fact]
    public async Task OfferArrives_LeaseIsTakenWorkIsDoneAndOutcomeReported()
    {
        await using var site = await AgentSite.StartAsync();
        var offer = await site.OfferAsync();

        var work = await site.Executor.NextStartAsync();
        work.Succeed();
        var outcome = await site.Server.NextOutcomeAsync();

        Assert.Equal(offer.TaskId.ToString("D"), outcome.TaskId);
        Assert.Equal(1, outcome.Attempt);
        Assert.Equal(1, outcome.FencingToken);
        Assert.Equal(ReportOutcomeRequest.OutcomeOneofCase.Succeeded, outcome.OutcomeCase);
    }

    [Fact]
    public async Task OnlySlotIsTaken_FurtherOfferIsLeasedWhenItIsFreeAgain()
    {
        await using var site = await AgentSite.StartAsync(slots: 1);
        var first = await site.OfferAsync();
        var work = await site.Executor.NextStartAsync();
        var second = await site.OfferAsync();

        // A heartbeat later the second offer has had every chance to be taken.
        await site.BeatAsync(running: 1);
        Assert.Equal(0, site.Executor.UnseenStarts);
        Assert.Equal(first.TaskId.ToString("D"), (await site.Server.NextLeaseAsync()).TaskId);
        Assert.Equal(0, site.Server.UnseenLeases);

        work.Succeed();
        Assert.Equal(second.TaskId.ToString("D"), (await site.Server.NextLeaseAsync()).TaskId);
        (await site.Executor.NextStartAsync()).Succeed();
    }

    [Fact]
    public async Task TwoSlots_TwoTasksRunAtATime()
    {
        await using var site = await AgentSite.StartAsync(slots: 2);
        await site.OfferAsync();
        await site.OfferAsync();

        var first = await site.Executor.NextStartAsync();
        var second = await site.Executor.NextStartAsync();

        Assert.NotEqual(first.Order.TaskId, second.Order.TaskId);
        var beat = await site.BeatAsync(running: 2);
        Assert.Equal(2, beat.Tasks.Count);
        Assert.Equal(0, beat.FreeSlots);
    }

    [Fact]
    public async Task LeaseIsRefused_NothingRunsAndNextOfferIsTaken()
    {
        await using var site = await AgentSite.StartAsync(arrange: site => site.Server.Refuse = _ => "another worker has it");
        await site.OfferAsync();
        await site.Server.NextLeaseAsync();
        site.Server.Refuse = _ => null;

        var offer = await site.OfferAsync();

        Assert.Equal(offer.TaskId.ToString("D"), (await site.Executor.NextStartAsync()).Order.TaskId);
    }

    [Fact]
    public async Task SameOfferTwice_RunsOnce()
    {
        await using var site = await AgentSite.StartAsync(slots: 2);
        var offer = await site.OfferAsync();
        await site.Executor.NextStartAsync();
        await site.Server.NextLeaseAsync();

        await site.OfferAsync(offer);
        var other = await site.OfferAsync();

        // The queue is in order: when the other one runs, the copy has been dealt with.
        Assert.Equal(other.TaskId.ToString("D"), (await site.Executor.NextStartAsync()).Order.TaskId);
        Assert.Equal(other.TaskId.ToString("D"), (await site.Server.NextLeaseAsync()).TaskId);
    }

    [Fact]
    public async Task ServerIsAwayWhenOfferComes_OfferIsLeasedWhenItAnswersAgain()
    {
        await using var site = await AgentSite.StartAsync(arrange: site => site.Server.Failures["lease"] = 1);
        var offer = await site.OfferAsync();
        await Deadline.UntilAsync(() => Task.FromResult(!site.Agent.IsConnected), "the agent noticed that the server is away");
        Assert.Equal(0, site.Executor.UnseenStarts);

        await site.BeatAsync(running: 0);

        Assert.Equal(offer.TaskId.ToString("D"), (await site.Executor.NextStartAsync()).Order.TaskId);
    }

    [Fact]
    public async Task ServerDoesNotAnswerAtStart_RegistersWhenItDoes()
    {
        await using var site = await AgentSite.StartAsync(arrange: site => site.Server.Failures["register"] = 3);
        for (var pause = 1; pause <= 4; pause *= 2)
        {
            await site.AdvanceAsync(TimeSpan.FromSeconds(pause));
        }

        var request = await site.Server.NextRegistrationAsync();
        Assert.Equal("worker-under-test", request.Name);
        Assert.Equal(site.Options.ClusterId.ToString("D"), request.ClusterId);
        Assert.Equal(["cbt"], request.TransportModes);
        Assert.True(site.Server.Failures["register"] < 0);
    }

    [Fact]
    public async Task ServerForgotTheWorker_RegistersAgain()
    {
        await using var site = await AgentSite.StartAsync();
        await site.Server.NextRegistrationAsync();
        site.Server.RegisterAgain = true;

        await site.BeatAsync(running: 0);

        Assert.Equal(site.Options.EffectiveId.ToString("D"), (await site.Server.NextRegistrationAsync()).WorkerId);
    }

    [Fact]
    public async Task JobIsCancelled_WorkStopsAndOutcomeIsCancelled()
    {
        await using var site = await AgentSite.StartAsync();
        await site.OfferAsync();
        var work = await site.Executor.NextStartAsync();
        site.Server.Direct = task =>
        {
            var directive = site.Server.Keep(task);
            directive.Cancel = true;
            return directive;
        };

        await site.BeatAsync(running: 1);
        var outcome = await site.Server.NextOutcomeAsync();

        Assert.True(work.Stop.IsCancellationRequested);
        Assert.Equal(FailureCode.Cancelled, outcome.Failed.Code);
    }

    [Fact]
    public async Task TaskIsAbsentFromTheAnswer_WorkStops()
    {
        await using var site = await AgentSite.StartAsync();
        await site.OfferAsync();
        var work = await site.Executor.NextStartAsync();
        site.Server.Direct = _ => null;

        await site.BeatAsync(running: 1);
        await site.Server.NextOutcomeAsync();

        Assert.True(work.Stop.IsCancellationRequested);
    }

    [Fact]
    public async Task LeaseIsNotRenewed_WorkStopsBeforeTheServerCouldGiveItAway()
    {
        await using var site = await AgentSite.StartAsync();
        var leased = site.Time.GetTimestamp();
        await site.OfferAsync();
        var work = await site.Executor.NextStartAsync();
        site.Server.Away = true;

        while (!work.Stop.IsCancellationRequested)
        {
            site.Time.Advance(TimeSpan.FromSeconds(1));
            Assert.True(site.Time.GetElapsedTime(leased) < site.Server.LeaseDuration, "the work went on until the lease had ended");
        }

        // Not at once either: a short absence must not cost hours of work.
        Assert.True(site.Time.GetElapsedTime(leased) >= site.Server.LeaseDuration * 0.5);
    }

    [Fact]
    public async Task LeaseIsRenewed_WorkGoesOnForLong()
    {
        await using var site = await AgentSite.StartAsync();
        await site.OfferAsync();
        var work = await site.Executor.NextStartAsync();

        for (var beats = 0; beats < 40; beats++)
        {
            await site.BeatAsync(running: 1);
        }

        Assert.False(work.Stop.IsCancellationRequested);
        work.Succeed();
        Assert.Equal(ReportOutcomeRequest.OutcomeOneofCase.Succeeded, (await site.Server.NextOutcomeAsync()).OutcomeCase);
    }

    [Fact]
    public async Task WorkerShutsDown_OutcomeSaysSoBeforeItEnds()
    {
        await using var site = await AgentSite.StartAsync();
        await site.OfferAsync();
        await site.Executor.NextStartAsync();

        await site.StopAsync();
        var outcome = site.Server.NextOutcomeAsync();

        Assert.True(outcome.IsCompleted);
        Assert.Equal(FailureCode.WorkerStopping, (await outcome).Failed.Code);
    }

    [Fact]
    public async Task ServerIsAwayWhenWorkEnds_OutcomeIsDeliveredLater()
    {
        await using var site = await AgentSite.StartAsync(arrange: site => site.Server.Failures["report"] = 2);
        await site.OfferAsync();
        (await site.Executor.NextStartAsync()).Succeed();

        await site.AdvanceAsync(TimeSpan.FromSeconds(1));
        await site.AdvanceAsync(TimeSpan.FromSeconds(2));
        var outcome = await site.Server.NextOutcomeAsync();

        Assert.Equal(ReportOutcomeRequest.OutcomeOneofCase.Succeeded, outcome.OutcomeCase);
        Assert.True(site.Server.Failures["report"] < 0);
    }

    [Fact]
    public async Task OrderDoesNotCome_IsAskedForAgain()
    {
        await using var site = await AgentSite.StartAsync(arrange: site => site.Server.Failures["prepare"] = 1);
        await site.OfferAsync();

        await site.AdvanceAsync(TimeSpan.FromSeconds(1));
        (await site.Executor.NextStartAsync()).Succeed();
        Assert.True(site.Server.Failures["prepare"] < 0);
    }

    [Fact]
    public async Task WorkFails_OutcomeCarriesCodeAndMessage()
    {
        await using var site = await AgentSite.StartAsync();
        await site.OfferAsync();
        var work = await site.Executor.NextStartAsync();

        work.Done.SetException(new TaskFailureException(FailureCode.RepositoryFull, "no room"));
        var outcome = await site.Server.NextOutcomeAsync();

        Assert.Equal(FailureCode.RepositoryFull, outcome.Failed.Code);
        Assert.Equal("worker worker-under-test: no room", outcome.Failed.Message);
    }

    [Fact]
    public async Task WorkFailsUnexpectedly_OutcomeIsInternalWithoutDetails()
    {
        await using var site = await AgentSite.StartAsync();
        await site.OfferAsync();
        var work = await site.Executor.NextStartAsync();

        work.Done.SetException(new InvalidDataException("https://host/images/secret"));
        var outcome = await site.Server.NextOutcomeAsync();

        Assert.Equal(FailureCode.Internal, outcome.Failed.Code);
        Assert.DoesNotContain("secret", outcome.Failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task HeartbeatsOfARun_SequenceGrowsAndThrottleArrives()
    {
        await using var site = await AgentSite.StartAsync();
        await site.OfferAsync();
        var work = await site.Executor.NextStartAsync();
        site.Server.Direct = task =>
        {
            var directive = site.Server.Keep(task);
            directive.BytesPerSecond = 12_345;
            return directive;
        };
        work.Control.Meter.AddRead(77);

        var first = Assert.Single((await site.BeatAsync(running: 1)).Tasks);
        var second = Assert.Single((await site.BeatAsync(running: 1)).Tasks);

        Assert.True(second.Sequence > first.Sequence);
        Assert.Equal(77, second.Statistics.ReadBytes);
        Assert.Equal(12_345, work.Control.Rate.BytesPerSecond);
    }

    [Fact]
    public async Task LeaseCarriesTheJobsTrace_AttemptIsPartOfIt()
    {
        var trace = ActivityTraceId.CreateRandom().ToHexString();
        var ended = new TaskCompletionSource<Activity>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "OvirtDistributed.Worker",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity =>
            {
                // Other tests' attempts end in this process too.
                if (activity.TraceId.ToHexString() == trace)
                {
                    ended.TrySetResult(activity);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);
        await using var site = await AgentSite.StartAsync(arrange: site => site.Server.TraceParent = $"00-{trace}-00f067aa0ba902b7-01");
        var offer = await site.OfferAsync();

        (await site.Executor.NextStartAsync()).Succeed();
        var span = await ended.Task.WithinDeadline();

        Assert.Equal("worker.attempt", span.OperationName);
        Assert.Equal("00f067aa0ba902b7", span.ParentSpanId.ToHexString());
        Assert.Equal(offer.TaskId.ToString("D"), span.GetTagItem("ovd.task.id"));
    }
}
