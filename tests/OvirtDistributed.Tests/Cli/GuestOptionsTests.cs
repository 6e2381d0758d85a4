// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Tests.Cli.Fakes;
using OvirtDistributed.Tests.Shared;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli;

/// <summary>Commands that run in the guest: what is read and sent for them, and what is shown.</summary>
public sealed class GuestOptionsTests
{
    [Theory]
    [InlineData("backup", "run")]
    [InlineData("plan", "backup")]
    public async Task CommandsInTheGuest_KeyAndKnownHostsAreReadAndSent(params string[] command)
    {
        using var directory = new TemporaryDirectory();
        var (key, known) = (directory.File("key"), directory.File("known_hosts"));
        await File.WriteAllTextAsync(key, "the key\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(known, "the hosts\n", TestContext.Current.CancellationToken);
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(
            server,
            [.. command, "db01", "--post-command", "/opt/db/release", "--guest-user", "backup", "--guest-key-file", key, "--guest-known-hosts", known, "--guest-address", "10.0.0.5", "--guest-port", "2222"]);

        Assert.Equal("", run.Error);
        var request = command[0] == "plan" ? server.Installation.Single<PlanBackupRequest>().Backup : server.Installation.Single<RunBackupRequest>();
        Assert.Equal(
            new GuestAccess { User = "backup", Address = "10.0.0.5", Port = 2222, PrivateKey = "the key\n", KnownHosts = "the hosts\n" }, request.Commands.Guest);
    }

    [Fact]
    public async Task GuestKeyThatIsMissing_IsNamedAndNothingIsSent()
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(
            server, "backup", "run", "db01", "--pre-command", "quiesce", "--guest-user", "backup", "--guest-key-file", "/none/key", "--guest-known-hosts", "/none/hosts");

        Assert.NotEqual((int)ExitCode.Ok, run.ExitCode);
        Assert.Contains("--guest-key-file '/none/key' cannot be read", run.Error, StringComparison.Ordinal);
        Assert.Empty(server.Installation.Requests.OfType<RunBackupRequest>());
    }

    [Fact]
    public async Task JobWithCommands_ShowsWhatRunsWhere()
    {
        var installation = Samples.Installation();
        installation.Jobs[0].Commands = "pre-command quiesce in the guest 10.0.0.5 as backup";
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "job", "show", Samples.JobId);

        Assert.Matches("Commands: +pre-command quiesce in the guest 10.0.0.5 as backup", run.Out);
    }
}
