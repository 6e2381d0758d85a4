// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>Commands on workers around the moment of a backup, with everything that runs them killed in between.</summary>
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
