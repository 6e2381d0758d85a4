// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Tests.Cli.Fakes;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli;

/// <summary>Plans of single disks, and what jobs and plans say of settings.</summary>
public sealed class RestorePlanTests
{
    [Fact]
    public async Task PlanRestoreDisk_SendsWhatRestoreDiskWouldAndNamesTheCommandThatApplies()
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(server, "plan", "restore-disk", "7b1d", "web_root", "--to-vm", "db", "--in-place", "--power-off", "--no-safety-point", "--start", "--mode", "ssh");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        var expected = new RestoreDiskRequest
        {
            Point = "7b1d",
            Disk = "web_root",
            Vm = "db",
            InPlace = true,
            PowerOff = true,
            NoSafetyPoint = true,
            Start = true,
            TransportMode = "ssh",
        };
        Assert.Equal(expected, server.Installation.Single<PlanRestoreRequest>().Disk);
        Assert.Contains("Apply with: ovd restore disk --plan 9f86d081", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RestoreDiskByAPlan_SendsNothingElse()
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(server, "restore", "disk", "--plan", "9f86", "--request-id", "r-6");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Equal(new RestoreDiskRequest { Plan = "9f86", RequestId = "r-6" }, server.Installation.Single<RestoreDiskRequest>());
    }

    [Theory]
    [InlineData("restore disk 7b1d --plan 9f86", "POINT cannot be given with --plan")]
    [InlineData("restore disk --plan 9f86 --to-vm db", "--to-vm cannot be given with --plan")]
    [InlineData("restore disk --to-vm db", "Required argument missing: POINT")]
    [InlineData("plan restore-disk 7b1d", "'--to-file' or '--to-vm' is required")]
    [InlineData("plan restore-disk 7b1d --to-vm db --start", "--start belongs to --in-place")]
    public async Task OptionsThatDoNotGoTogether_AreNamed(string command, string message)
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(server, command.Split(' '));

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "New VM:")]
    [InlineData(true, "Restored to:")]
    public async Task JobThatRestoredIntoAVm_DoesNotCallItNew(bool existing, string label)
    {
        var installation = Samples.Installation();
        (installation.Jobs[0].NewVmId, installation.Jobs[0].NewVmName, installation.Jobs[0].IntoExistingVm) = (Samples.JobId, "db", existing);
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "job", "show", Samples.JobId);

        Assert.Matches($@"{label}\s+db \({Samples.JobId}\)", run.Out);
    }

    [Fact]
    public async Task JobWithSettings_ShowsWhatWasNotRestoredAndWhy()
    {
        var installation = Samples.Installation();
        installation.Jobs[0].Outcome = JobOutcome.Warning;
        installation.Jobs[0].Settings.AddRange(Samples.RestoredSettings());
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "job", "show", Samples.JobId);

        Assert.Contains("Settings (2 of 3 are restored)", run.Out, StringComparison.Ordinal);
        Assert.Contains("create it or restore with --create-affinity-groups", run.Out, StringComparison.Ordinal);
    }
}
