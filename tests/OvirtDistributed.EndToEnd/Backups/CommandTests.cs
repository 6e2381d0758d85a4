// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Servers;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>Commands around the moment of a backup: on workers, with everything that runs them killed in between, and in the guest.</summary>
public sealed class CommandTests(SharedServers servers, ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryDirectory _commands = new();

    private string LogFile => _commands.File("calls.log");

    public void Dispose() => _commands.Dispose();

    [Fact]
    public async Task ServerKilledInThePreCommandAndWorkerInThePostCommand_ApplicationIsReleasedAndThePointIsOfTheMomentBetween()
    {
        // The second call of the post-command, and every call of the pre-command, comes to an end.
        Program(
            $"""
            echo "$OVD_PHASE/$OVD_RESULT/$OVD_VM_NAME/$1" >> '{LogFile}'
            case $OVD_PHASE in
              pre) echo getting ready; sleep 2 ;;
              post) if [ ! -e '{_commands.File("helper")}' ]; then echo $PPID > '{_commands.File("helper.new")}'; mv '{_commands.File("helper.new")}' '{_commands.File("helper")}'; sleep 30; fi ;;
            esac
            """);
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("db", Disk(16))), output, options => options with
        {
            WorkersPerCluster = 2,
            SlotsPerWorker = 1,
            WorkerSettings = new Dictionary<string, string>(StringComparer.Ordinal) { ["Worker:CommandDirectory"] = _commands.Path },
        });
        var command = new BackupCommand { Name = "application", Arguments = { "two words" } };
        var reply = await site.Lab.Admin.Jobs.RunBackupAsync(
            new RunBackupRequest { Vms = { "db" }, Commands = new BackupCommands { Pre = command, Post = command } }, cancellationToken: TestContext.Current.CancellationToken);
        var job = reply.Jobs.Single();

        await Deadline.UntilAsync(() => Task.FromResult(File.Exists(LogFile)), "the pre-command runs");
        await site.Lab.Server.KillAsync();
        var reference = await site.SaveReferenceAsync("db");
        await site.Lab.Server.StartAsync(CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        await Deadline.UntilAsync(() => Task.FromResult(File.Exists(_commands.File("helper"))), "the post-command runs");
        var busy = ParentOf((await File.ReadAllTextAsync(_commands.File("helper"), CancellationToken.None)).Trim());
        await site.Lab.Workers.Single(worker => worker.ProcessId == busy).KillAsync();

        var ended = await site.SucceedsAsync(job);

        Assert.Equal(["pre//db/two words", "post/taken/db/two words", "post/taken/db/two words"], await File.ReadAllLinesAsync(LogFile, CancellationToken.None));
        var log = await site.OvdAsync("job", "logs", job.Id);
        Assert.Contains("pre-command application ended with exit code 0", log, StringComparison.Ordinal);
        Assert.Contains("getting ready", log, StringComparison.Ordinal);
        Assert.Contains("post-command application: attempt 1 was lost", log, StringComparison.Ordinal);
        await site.RestoresToAsync(ended, reference);
        await site.FinishAsync();
    }

    [Fact]
    public async Task CommandsInTheGuest_RunThereAroundTheMomentAndTheKeyIsNeverShown()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("db", Disk(16))), output);
        await using var guest = await PrivateSshd.StartAsync(Path.Combine(site.Lab.DataDirectory, "guest"), TestContext.Current.CancellationToken).WithinDeadline();
        Program($"echo \"$OVD_PHASE/$OVD_RESULT/$OVD_VM_NAME/$1\" >> '{LogFile}'; echo done in the guest");
        File.Move(_commands.File("application"), Path.Combine(guest.ProgramDirectory, "application"));
        string[] options =
        [
            "db", "--pre-command", "application", "--pre-arg", "two words", "--post-command", Path.Combine(guest.ProgramDirectory, "application"), "--post-arg", "it's", "--guest-user", guest.User,
            "--guest-address", "127.0.0.1", "--guest-port", guest.Port.ToString(CultureInfo.InvariantCulture), "--guest-key-file", guest.KeyFile, "--guest-known-hosts", guest.KnownHostsFile,
        ];
        var where = $"in the guest 127.0.0.1 as {guest.User}";
        Assert.Contains($"pre-command {where}: application two words", await site.OvdAsync(["plan", "backup", .. options]), StringComparison.Ordinal);
        var reference = await site.SaveReferenceAsync("db");

        var said = await site.OvdAsync(["backup", "run", "--wait", .. options]);

        Assert.Equal(["pre//db/two words", "post/taken/db/it's"], await File.ReadAllLinesAsync(LogFile, TestContext.Current.CancellationToken));
        var list = await site.Lab.Admin.Jobs.ListJobsAsync(new ListJobsRequest { Limit = 1 }, cancellationToken: TestContext.Current.CancellationToken);
        var job = await site.SucceedsAsync(list.Jobs.Single());
        var log = await site.OvdAsync("job", "logs", job.Id);
        Assert.Contains($"pre-command application {where} ended with exit code 0; its output:", log, StringComparison.Ordinal);
        Assert.Contains("done in the guest", log, StringComparison.Ordinal);
        var shown = await site.OvdAsync("job", "show", job.Id);
        Assert.Contains($"pre-command application and post-command {options[6]} {where}", shown, StringComparison.Ordinal);
        var key = (await File.ReadAllLinesAsync(guest.KeyFile, TestContext.Current.CancellationToken))[1];
        Assert.DoesNotContain(key, $"{said}{log}{shown}{await site.OvdAsync("job", "show", job.Id, "-o", "json")}", StringComparison.Ordinal);
        await site.RestoresToAsync(job, reference);
        await site.FinishAsync();
    }

    /// <summary>The helper that runs the command is a child of the worker.</summary>
    private static int ParentOf(string process)
    {
        var line = File.ReadLines($"/proc/{process}/status").Single(text => text.StartsWith("PPid:", StringComparison.Ordinal));
        return int.Parse(line["PPid:".Length..], CultureInfo.InvariantCulture);
    }

    private void Program(string script)
    {
        var file = _commands.File("application");
        File.WriteAllText(file, $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
