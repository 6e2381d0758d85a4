// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Tests.Cli.Fakes;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli;

/// <summary>What is said of VMs that cannot be backed up beside others that can.</summary>
public sealed class BackupRunTests
{
    [Fact]
    public async Task BackupRunWithAVmThatCannotBe_NamesItAndDoesNotEndAsASuccess()
    {
        var installation = Samples.Installation();
        installation.Refused.Add(new RefusedVm { VmName = "empty", Reason = "it has no disks" });
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "backup", "run", "--match", "*");

        Assert.Equal((int)ExitCode.Refused, run.ExitCode);
        Assert.Equal("ovd: VM empty cannot be backed up as it is: it has no disks. Its job waits for that or fails with it.\n", run.Error);
        Assert.Contains($"job {Samples.JobId}", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BackupRunThatWaits_EndsAsItsJobsDo()
    {
        var installation = Samples.Installation();
        installation.Refused.Add(new RefusedVm { VmName = "away", Reason = "cluster Main has no worker" });
        installation.WatchSends(Samples.EndedJob(JobOutcome.Succeeded));
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "backup", "run", "--match", "*", "--wait");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Contains("ovd: VM away cannot be backed up as it is: cluster Main has no worker.", run.Error, StringComparison.Ordinal);
    }
}
