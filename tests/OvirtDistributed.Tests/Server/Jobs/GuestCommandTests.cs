// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Jobs.Backup.Commands;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Tests.Worker.Nbd;
using Xunit;
using static OvirtDistributed.Tests.Server.Support.CommandDriver;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>Commands that run in the guest: what is refused at once, where the guest is found, and that nobody but the worker sees the key.</summary>
[Collection(PostgresTests.Name)]
public sealed class GuestCommandTests(PostgresServer postgres) : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task AddressIsGiven_WorkerGetsProgramAndKeyAndTheDatabaseKeepsItSealed()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (commands, key) = await BothAsync("10.0.0.5");
        var id = await BackUpAsync(site, commands, key);
        await site.DriveAsync(id, JobState.RunningPreCommand);
        var pre = await OrderAsync(site, id, CommandPhase.Pre);

        var guest = pre.Order.Command.Guest;
        Assert.Equal(("", "/opt/db/quiesce", "10.0.0.5", 2222, "backup", key), (pre.Order.Command.Name, guest.Program, guest.Address, guest.Port, guest.User, guest.PrivateKey));
        Assert.Equal(commands.Guest!.KnownHosts, guest.KnownHosts);
        Assert.DoesNotContain("ListGuestAddressesAsync", site.Engine.Calls);
        await AssertSealedAsync(site, id, key);
        await EndAsync(site, pre.Claim, 0);
        await site.DriveAsync(id, JobState.RunningPostCommand);
        var post = await OrderAsync(site, id, CommandPhase.Post);
        Assert.Equal(("release", "taken"), (post.Order.Command.Guest.Program, post.Order.Command.Result));
        await EndAsync(site, post.Claim, 3);
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains("post-command release in the guest 10.0.0.5 as backup ended with exit code 3", Assert.Single(job.Warnings), StringComparison.Ordinal);
        Assert.Single(await LogAsync(site, id, "pre-command /opt/db/quiesce in the guest 10.0.0.5 as backup ended with exit code 0"));
        Assert.Null(job.Backup!.Commands!.Guest!.SealedKey);
        Assert.Empty(await LogAsync(site, id, "PRIVATE KEY"));
    }

    [Fact]
    public async Task NoAddress_TheReportedOneWhoseKeyIsPinnedIsTaken()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Engine.GuestAddresses = ["127.0.0.1", "169.254.3.4", "fe80::1", "192.0.2.7", "2001:db8::5"];
        var (commands, key) = await BothAsync("", pinned: "2001:db8::5");
        var id = await BackUpAsync(site, commands, key);
        await site.DriveAsync(id, JobState.RunningPreCommand);
        var pre = await OrderAsync(site, id, CommandPhase.Pre);
        Assert.Equal("2001:db8::5", pre.Order.Command.Guest.Address);
        await EndAsync(site, pre.Claim, 0);

        // The post-command goes the same way, whatever the agent says by then.
        site.Engine.GuestAddresses = [];
        await site.DriveAsync(id, JobState.RunningPostCommand);
        var post = await OrderAsync(site, id, CommandPhase.Post);
        Assert.Equal("2001:db8::5", post.Order.Command.Guest.Address);
        await EndAsync(site, post.Claim, 0);

        Assert.Equal(JobOutcome.Succeeded, (await site.RunToEndAsync(id).WithinDeadline()).Outcome);
    }

    [Fact]
    public async Task ManagerDoesNotAnswerBeforeThePostCommand_KnownWayIsTaken()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (commands, key) = await BothAsync("10.0.0.5");
        var id = await BackUpAsync(site, commands with { Pre = null }, key);
        await site.DriveAsync(id, JobState.RunningPostCommand);
        site.Engine.Arm("FindVm", FaultMoment.Before, EngineFailure.Refused);

        Assert.Equal("10.0.0.5", (await OrderAsync(site, id, CommandPhase.Post)).Order.Command.Guest.Address);
    }

    [Theory]
    [InlineData("down", "10.0.0.5", "VM vm is down, and a command runs in a guest only while that runs")]
    [InlineData("up", "", "the manager knows no address of its guest, whose agent may be missing or not running: give the address (--guest-address)")]
    [InlineData("up", "", "no address that workers could use (127.0.0.1, fe80::1)", "127.0.0.1", "fe80::1")]
    [InlineData("up", "", "no SSH host key is pinned for [192.0.2.7]:2222 or [192.0.2.8]:2222", "192.0.2.7", "192.0.2.8")]
    public async Task GuestThatCannotBeReached_FailsBeforeAnythingIsTakenAndSaysWhatToDo(string status, string address, string expected, params string[] reported)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Engine.GuestAddresses = reported;
        var (commands, key) = await BothAsync(address, pinned: "10.0.0.5");
        var id = await BackUpAsync(site, commands with { Post = null }, key, status);

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains(expected, job.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("StartBackupAsync", site.Engine.Calls);
    }

    [Fact]
    public async Task GuestIsDownAndThePreCommandMayFail_BackupIsAWarning()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (commands, key) = await BothAsync("10.0.0.5");
        var id = await BackUpAsync(site, commands with { ContinueAfterFailedPre = true }, key, "down");

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal((JobOutcome.Warning, 2), (job.Outcome, job.Warnings.Count));
        Assert.All(job.Warnings, warning => Assert.Contains("VM vm is down", warning, StringComparison.Ordinal));
        Assert.Single(job.Tasks);
    }

    [Fact]
    public async Task Plan_SaysWhereTheyRunAndWhetherThePreCommandCould()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Engine.GuestAddresses = ["10.0.0.5"];
        var (commands, key) = await BothAsync("", pinned: "10.0.0.5");
        var vm = site.AddVm("vm", status: "up");
        await site.ReadInventoryAsync();

        var plan = Assert.Single((await site.Get<BackupPreview>().PlanAsync(Request(vm, commands, key), TestSite.Token).WithinDeadline()).Plans);
        site.Engine.Vms[vm.Id] = vm with { Status = "down" };
        var refused = Assert.Single((await site.Get<BackupPreview>().PlanAsync(Request(vm, commands, key), TestSite.Token).WithinDeadline()).Plans);

        Assert.Equal("", plan.Refusal);
        Assert.Equal("pre-command in the guest 10.0.0.5 as backup: /opt/db/quiesce db", plan.Calls[0]);
        Assert.Contains("post-command in the guest 10.0.0.5 as backup: release db --now", plan.Calls);
        Assert.StartsWith("its pre-command /opt/db/quiesce cannot run: VM vm is down", refused.Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatCannotWork_IsRefusedWithFieldAndValueAndWithoutTheKey()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (good, key) = await BothAsync("10.0.0.5");
        var guest = good.Guest!;
        site.AddVm("other");
        (BackupCommands Commands, string Key, string Expected)[] bad =
        [
            (good with { Guest = guest with { User = "ba ck" } }, key, "commands.guest.user 'ba ck'"),
            (good with { Guest = guest with { Address = "-oProxyCommand=x" } }, key, "commands.guest.address '-oProxyCommand=x'"),
            (good with { Guest = guest with { Port = 70000 } }, key, "commands.guest.port '70000'"),
            (good with { Guest = guest with { KnownHosts = "host" } }, key, "known_hosts line 1 'host'"),
            (good with { Guest = guest with { Address = "10.0.0.6" } }, key, "commands.guest.known_hosts '[10.0.0.5]:2222' cannot be used: it has no key for [10.0.0.6]:2222"),
            (good, "none", "private_key (not shown)"),
            (good with { Pre = new CommandLine("bin/quiesce", []) }, key, "commands.pre.name 'bin/quiesce'"),
            (good with { Pre = new CommandLine("A=b", []) }, key, "commands.pre.name 'A=b'"),
            (good with { Post = new CommandLine("-x", []) }, key, "commands.post.name '-x'"),
            (good with { Post = new CommandLine("release", [.. Enumerable.Repeat(new string('\'', 4000), 10)]) }, key, "commands.post.arguments '10 arguments'"),
            (good with { Pre = null, Post = null }, key, "commands.guest 'in the guest 10.0.0.5 as backup'"),
        ];
        foreach (var (commands, secret, expected) in bad)
        {
            var refused = await Assert.ThrowsAsync<OperatorException>(() => BackUpAsync(site, commands, secret));
            Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(key.Split('\n')[1], refused.Message, StringComparison.Ordinal);
        }

        var request = Request(site.AddVm("third"), good, key) with { Selection = new VmSelection { Patterns = ["*"] } };
        await site.ReadInventoryAsync();
        var several = await Assert.ThrowsAsync<OperatorException>(() => site.Get<JobAdmission>().AdmitBackupAsync(request, TestSite.Token));
        Assert.Contains("commands.guest.address '10.0.0.5' cannot be used: the request is for ", several.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(key.Split('\n')[1], request.ToString(), StringComparison.Ordinal);
    }

    private static async Task AssertSealedAsync(TestSite site, Guid id, string key)
    {
        await using var context = site.Database();
        var row = await context.Database.SqlQuery<string>($"SELECT jobs::text AS \"Value\" FROM jobs WHERE id = {id}").SingleAsync(TestSite.Token);
        Assert.Contains("10.0.0.5", row, StringComparison.Ordinal);
        Assert.DoesNotContain("PRIVATE", row, StringComparison.Ordinal);
        Assert.DoesNotContain(key.Split('\n')[1], row, StringComparison.Ordinal);
        var sealedKey = (await site.JobAsync(id)).Backup!.Commands!.Guest!.SealedKey;
        Assert.Equal(key, site.Get<PasswordSeal>().Open(id, sealedKey));
    }

    private static BackupRequest Request(EngineVm vm, BackupCommands commands, string key) =>
        new(VmSelection.Of(vm.Name), "", "", false, "", "") { Commands = commands, GuestKey = key };

    private static async Task<Guid> BackUpAsync(TestSite site, BackupCommands commands, string key, string status = "up")
    {
        var vm = site.AddVm("vm", status: status);
        await site.ReadInventoryAsync();
        try
        {
            return (await site.Get<JobAdmission>().AdmitBackupAsync(Request(vm, commands, key), TestSite.Token)).Jobs[0];
        }
        catch (OperatorException)
        {
            site.Engine.Vms.Remove(vm.Id);
            throw;
        }
    }

    private async Task<(BackupCommands Commands, string Key)> BothAsync(string address, string? pinned = null)
    {
        var file = _directory.File($"key-{Guid.NewGuid():N}");
        await NbdSite.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
        var known = (await File.ReadAllTextAsync($"{file}.pub", TestSite.Token)).Split(' ');
        var commands = new BackupCommands
        {
            Pre = new CommandLine("/opt/db/quiesce", ["db"]),
            Post = new CommandLine("release", ["db", "--now"]),
            Guest = new GuestAccess { User = "backup", Address = address, Port = 2222, KnownHosts = $"[{pinned ?? address}]:2222 {known[0]} {known[1]}\n" },
        };
        return (commands, await File.ReadAllTextAsync(file, TestSite.Token));
    }
}
