// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Watching;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Tests.Cli.Fakes;
using OvirtDistributed.Tests.Shared;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli;

/// <summary>Starting jobs, waiting for them, cancelling them.</summary>
public sealed class JobTests
{
    [Fact]
    public async Task JobThatReadFromACopy_ShowsWhatCameFromWhere()
    {
        var installation = Samples.Installation();
        var task = installation.Jobs[0].Tasks[0];
        task.Rescue = new Rescue { Sources = { new RescueSource { Repository = "offsite", Objects = 3, RepairedObjects = 2, Bytes = 4 << 20, BytesOnItsWord = 1 << 20 } } };
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "job", "show", Samples.JobId);

        Assert.Contains("Taken from copies", run.Out, StringComparison.Ordinal);
        Assert.Matches(@"offsite +3 +2 +4[.0]* MiB +1[.0]* MiB", run.Out);
    }

    [Fact]
    public async Task BackupRun_SendsEveryOptionAndNamesTheJobs()
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(
            server,
            "backup", "run", "web01", "db01", "--full", "--manager", "prod", "--repository", "main", "--compression", "dense",
            "--exclude-disk", "swap", "--exclude-disk", "scratch", "--request-id", "r-1", "--match", "web-*", "--match", "db-?", "--tag", "daily", "--cluster", "Edge",
            "--exclude-vm", "*-lab", "--exclude-tag", "manual", "--pre-command", "quiesce", "--pre-arg", "db 1", "--pre-arg=-f", "--post-command", "release",
            "--command-timeout", "90s", "--pre-failure", "continue", "--consistency", "freeze", "--freeze-timeout", "30");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Equal($"Started backup of web01: job {Samples.JobId}\nFollow with: ovd job watch 3f2a9c1e\n", run.Out);
        var request = server.Installation.Single<RunBackupRequest>();
        var expected = new RunBackupRequest
        {
            Vms = { "web01", "db01" },
            Full = true,
            Manager = "prod",
            Repository = "main",
            Compression = "dense",
            ExcludeDisks = { "swap", "scratch" },
            RequestId = "r-1",
            Patterns = { "web-*", "db-?" },
            Tags = { "daily" },
            Clusters = { "Edge" },
            ExcludeVms = { "*-lab" },
            ExcludeTags = { "manual" },
            Consistency = "freeze",
            FreezeTimeout = Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(TimeSpan.FromSeconds(30)),
            Commands = new BackupCommands
            {
                Pre = new BackupCommand { Name = "quiesce", Arguments = { "db 1", "-f" } },
                Post = new BackupCommand { Name = "release" },
                TimeLimit = Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(TimeSpan.FromSeconds(90)),
                PreFailure = "continue",
            },
        };
        Assert.Equal(expected, request);
    }

    [Fact]
    public async Task RestoreVm_SendsEveryOption()
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(
            server,
            "restore", "vm", "7b1d", "--name", "web01-copy", "--manager", "prod", "--cluster", "Edge", "--storage-domain", "data", "--format", "raw",
            "--allocation", "preallocated", "--nics", "keep-mac", "--network", "ovirtmgmt=isolated", "--create-affinity-groups", "--start", "--no-verify", "--request-id", "r-2");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        var expected = new RestoreVmRequest
        {
            Point = "7b1d",
            Name = "web01-copy",
            Manager = "prod",
            Cluster = "Edge",
            StorageDomain = "data",
            Format = "raw",
            Allocation = "preallocated",
            Nics = NicMode.KeepMac,
            Networks = { ["ovirtmgmt"] = "isolated" },
            CreateAffinityGroups = true,
            Start = true,
            NoVerify = true,
            RequestId = "r-2",
        };
        Assert.Equal(expected, server.Installation.Single<RestoreVmRequest>());
    }

    [Fact]
    public async Task RestoreVmOverTheOriginal_SendsEveryOption()
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(server, "restore", "vm", "7b1d", "--overwrite", "--power-off", "--no-safety-point", "--yes", "--request-id", "r-3");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        var expected = new RestoreVmRequest { Point = "7b1d", Overwrite = true, PowerOff = true, NoSafetyPoint = true, AcceptLoss = true, RequestId = "r-3" };
        Assert.Equal(expected, server.Installation.Single<RestoreVmRequest>());
    }

    [Fact]
    public async Task RestoreVmByAPlan_SendsNothingElse()
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(server, "restore", "vm", "--plan", "9f86", "--request-id", "r-4");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Equal(new RestoreVmRequest { Plan = "9f86", RequestId = "r-4" }, server.Installation.Single<RestoreVmRequest>());
    }

    [Fact]
    public async Task PlanRestore_SendsMacsAndNetworks()
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(server, "plan", "restore", "7b1d", "--name", "n", "--mac", "keep", "--mac", "nic2=new", "--network", "a=none");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        var expected = new RestoreVmRequest { Point = "7b1d", Name = "n", Nics = NicMode.KeepMac, NicMacs = { ["nic2"] = "new" }, Networks = { ["a"] = "none" } };
        Assert.Equal(expected, server.Installation.Single<PlanRestoreRequest>().Restore);
    }

    [Theory]
    [InlineData("--mac always", "--mac 'always' cannot be used")]
    [InlineData("--mac nic1=always", "--mac 'nic1=always' cannot be used")]
    [InlineData("--mac keep --nics disconnected", "--mac 'keep' contradicts")]
    public async Task WrongMac_IsNamed(string options, string message)
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(server, ["plan", "restore", "7b1d", "--name", "n", .. options.Split(' ')]);

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RestoreDiskToAVm_SendsEveryOption()
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(
            server,
            "restore", "disk", "7b1d", "web_root", "--to-vm", "db", "--manager", "prod", "--storage-domain", "data", "--format", "raw", "--allocation", "preallocated",
            "--mode", "disk-attachment", "--activate", "--no-verify", "--request-id", "r-5");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        var expected = new RestoreDiskRequest
        {
            Point = "7b1d",
            Disk = "web_root",
            Vm = "db",
            Manager = "prod",
            StorageDomain = "data",
            Format = "raw",
            Allocation = "preallocated",
            TransportMode = "disk-attachment",
            Activate = true,
            NoVerify = true,
            RequestId = "r-5",
        };
        Assert.Equal(expected, server.Installation.Single<RestoreDiskRequest>());
    }

    [Fact]
    public async Task AnswerIsLostOnTheWay_SameRequestIsSentAgain()
    {
        var installation = Samples.Installation();
        installation.AnswersToLose = 1;
        await using var server = await FakeBackupServer.StartAsync(installation);
        var run = new CliRun();

        var running = run.RunAsync(server.Address, CancellationToken.None, "backup", "run", "web01");
        await run.Time.WaitForTimersAsync(1, CancellationToken.None).WithinDeadline();
        run.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal((int)ExitCode.Ok, await running.WithinDeadline());
        Assert.Equal(1, installation.AnswersLost);
        var requests = installation.Requests.OfType<RunBackupRequest>().ToList();
        Assert.Equal(2, requests.Count);
        Assert.NotEqual("", requests[0].RequestId);
        Assert.Equal(requests[0], requests[1]);
    }

    [Theory]
    [InlineData(JobOutcome.Succeeded, 0)]
    [InlineData(JobOutcome.Warning, 6)]
    [InlineData(JobOutcome.Failed, 1)]
    [InlineData(JobOutcome.Cancelled, 1)]
    public async Task Wait_EndsWithTheJobsOutcome(JobOutcome outcome, int exitCode)
    {
        var installation = Samples.Installation();
        installation.WatchSends(Samples.RunningJob(), Samples.EndedJob(outcome, "what happened"));
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "backup", "run", "web01", "--wait");

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains($"web01: backup {outcome.ToString().ToLowerInvariant()} after 1m 12s", run.Out, StringComparison.Ordinal);
        Assert.Contains("what happened", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WaitForSeveral_WorstOutcomeCounts()
    {
        var installation = Samples.Installation();
        var other = Samples.RunningJob();
        other.Id = Samples.OtherJobId;
        other.VmName = "db01";
        installation.Jobs.Add(other);
        var otherEnded = Samples.EndedJob(JobOutcome.Failed, "host is down");
        otherEnded.Id = Samples.OtherJobId;
        otherEnded.VmName = "db01";

        // Both watches are answered from the same scripts in any order, so each script serves either job.
        installation.WatchSends(Samples.EndedJob(JobOutcome.Succeeded));
        installation.WatchSends(otherEnded);
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "backup", "run", "web01", "db01", "--wait", "-o", "json");

        Assert.Equal((int)ExitCode.JobFailed, run.ExitCode);
        using var document = JsonDocument.Parse(run.Out);
        Assert.Equal(2, document.RootElement.GetProperty("jobs").GetArrayLength());
    }

    [Fact]
    public async Task WaitWithoutTerminal_WritesALineForEachChangeAndProgressEveryFiveSeconds()
    {
        var installation = Samples.Installation();
        var script = installation.OpenWatch();
        await using var server = await FakeBackupServer.StartAsync(installation);
        var run = new CliRun();

        var running = run.RunAsync(server.Address, CancellationToken.None, "backup", "run", "web01", "--wait");
        var token = TestContext.Current.CancellationToken;
        await script.WriteAsync(Samples.RunningJob(), token);
        await run.OutContainsAsync("web01_Disk1 leased");
        run.Time.Advance(LineView.ProgressInterval);
        await script.WriteAsync(Samples.RunningJob(1L << 30), token);
        await run.OutContainsAsync("12%");

        // Too early for another line; the change of state behind it shows that it was seen.
        run.Time.Advance(TimeSpan.FromSeconds(4));
        await script.WriteAsync(Samples.RunningJob(2L << 30), token);
        await script.WriteAsync(Samples.RunningJob(2L << 30, "commit"), token);
        await run.OutContainsAsync("commit");
        run.Time.Advance(TimeSpan.FromSeconds(1));
        await script.WriteAsync(Samples.RunningJob(3L << 30, "commit"), token);
        await run.OutContainsAsync("37%");
        await script.WriteAsync(Samples.EndedJob(JobOutcome.Succeeded), TestContext.Current.CancellationToken);
        script.Complete();

        Assert.Equal((int)ExitCode.Ok, await running.WithinDeadline());
        Golden.Matches("wait-plain.txt", run.Out);
    }

    [Fact]
    public async Task WaitOnATerminal_DrawsBars()
    {
        var installation = Samples.Installation();
        installation.WatchSends(Samples.RunningJob(4L << 30), Samples.EndedJob(JobOutcome.Succeeded));
        await using var server = await FakeBackupServer.StartAsync(installation);
        var run = new CliRun { Terminal = true };

        await run.RunAsync(server.Address, CancellationToken.None, "backup", "run", "web01", "--wait");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Contains("━━━━━━━━━━━━", run.Out, StringComparison.Ordinal);
        Assert.Contains("50%", run.Out, StringComparison.Ordinal);
        Assert.Contains("bottleneck source", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ConnectionIsLostWhileWaiting_GoesOnByItself()
    {
        var installation = Samples.Installation();
        installation.WatchSends(Samples.RunningJob());
        installation.WatchSends(Samples.EndedJob(JobOutcome.Succeeded));
        await using var server = await FakeBackupServer.StartAsync(installation);
        var run = new CliRun();

        var running = run.RunAsync(server.Address, CancellationToken.None, "job", "watch", Samples.JobId);
        await run.OutContainsAsync("trying again");
        await run.Time.WaitForTimersAsync(1, CancellationToken.None).WithinDeadline();
        run.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal((int)ExitCode.Ok, await running.WithinDeadline());
        Assert.Empty(installation.WatchScripts);
    }

    [Fact]
    public async Task ServerStaysAway_WaitingEndsWithUnavailable()
    {
        var installation = Samples.Installation();
        var script = installation.OpenWatch();
        var server = await FakeBackupServer.StartAsync(installation);
        var run = new CliRun();

        var running = run.RunAsync(server.Address, CancellationToken.None, "job", "watch", Samples.JobId);
        await script.WriteAsync(Samples.RunningJob(), TestContext.Current.CancellationToken);
        await run.OutContainsAsync("tasks");
        await server.DisposeAsync();
        while (!running.IsCompleted)
        {
            await Task.WhenAny(running, run.Time.WaitForTimersAsync(1, CancellationToken.None)).WithinDeadline();
            run.Time.Advance(TimeSpan.FromSeconds(20));
        }

        Assert.Equal((int)ExitCode.Unavailable, await running);
        Assert.True(run.Time.GetUtcNow() - new ManualTimeProvider().GetUtcNow() >= JobFeed.ReconnectLimit - TimeSpan.FromSeconds(30));
        Assert.Contains($"Cannot reach {server.Address}", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OneOfSeveralWatchesIsRefused_ItsReasonIsShown()
    {
        var installation = Samples.Installation();
        var other = Samples.RunningJob();
        other.Id = Samples.OtherJobId;
        installation.Jobs.Add(other);
        // A script for one watch only: the other is refused while the first would go on for ever.
        var script = installation.OpenWatch();
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "backup", "run", "web01", "db01", "--wait");
        script.Complete();

        Assert.Equal((int)ExitCode.Refused, run.ExitCode);
        Assert.Equal("ovd: The test wrote no script for this watch.\n", run.Error);
    }

    [Fact]
    public async Task InterruptedWhileWaiting_TellsHowToGoOn()
    {
        var installation = Samples.Installation();
        var script = installation.OpenWatch();
        await using var server = await FakeBackupServer.StartAsync(installation);
        using var interrupt = new CancellationTokenSource();
        var run = new CliRun();

        var running = run.RunAsync(server.Address, interrupt.Token, "backup", "run", "web01", "--wait");
        await script.WriteAsync(Samples.RunningJob(), TestContext.Current.CancellationToken);
        await run.OutContainsAsync("tasks");
        await interrupt.CancelAsync();

        Assert.Equal((int)ExitCode.Interrupted, await running.WithinDeadline());
        Assert.Equal(
            "ovd: Stopped waiting; the job goes on.\nWatch with:  ovd job watch 3f2a9c1e\nCancel with: ovd job cancel 3f2a9c1e\n", run.Error);
        Assert.Empty(installation.Requests.OfType<CancelJobRequest>());
    }

    [Fact]
    public async Task WatchAsJson_WritesOneLineForEachChange()
    {
        var installation = Samples.Installation();
        installation.WatchSends(Samples.RunningJob(), Samples.RunningJob(1L << 30), Samples.EndedJob(JobOutcome.Succeeded));
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "job", "watch", "3f2a", "-o", "json");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        var lines = run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["running", "running", "succeeded"], lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("outcome").GetString()));
    }

    [Fact]
    public async Task Cancel_IsAskedForAtOnce()
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(server, "job", "cancel", "3f2a");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Equal("3f2a", server.Installation.Single<CancelJobRequest>().Id);
        Assert.Contains("was asked to stop", run.Out, StringComparison.Ordinal);
    }
}
