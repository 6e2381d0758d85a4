// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Google.Protobuf.WellKnownTypes;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Commands;
using OvirtDistributed.Worker.Execution;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Commands;

/// <summary>Real programs: what they are given, what is kept of them, and that none outlives its time.</summary>
public sealed class CommandExecutionTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Command_GetsArgumentsAsTheyAreAndACleanEnvironment()
    {
        Program("tell", "printf '[%s]' \"$@\"; env | sort; echo problem >&2; exit 3");
        Environment.SetEnvironmentVariable("OVD_TEST_SECRET", "do not tell");

        var report = await RunAsync(Order("tell", "a b", "$(id)", "*", "-x")).WithinDeadline();

        var output = report.Output.ToStringUtf8();
        Assert.Equal((3, false, false), (report.ExitCode, report.TimedOut, report.OutputCut));
        Assert.StartsWith("[a b][$(id)][*][-x]", output, StringComparison.Ordinal);
        Assert.Contains("OVD_JOB=job-1\nOVD_PHASE=post\nOVD_RESULT=taken\nOVD_VM_ID=vm-1\nOVD_VM_NAME=web\n", output, StringComparison.Ordinal);
        Assert.Contains("problem\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("do not tell", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MuchOutput_ItsEndIsKept()
    {
        Program("chatty", "seq 1 100000");

        var report = await RunAsync(Order("chatty")).WithinDeadline();

        Assert.True(report.OutputCut);
        Assert.Equal(64 << 10, report.Output.Length);
        Assert.EndsWith("99999\n100000\n", report.Output.ToStringUtf8(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TimeLimit_EndsTheWholeGroup()
    {
        Program("hang", "sleep 300 & echo $! > child; echo begun; wait");
        var order = Order("hang");
        order.Command.TimeLimit = Duration.FromTimeSpan(TimeSpan.FromSeconds(1));

        var report = await RunAsync(order).WithinDeadline();

        Assert.True(report.TimedOut);
        Assert.Equal("begun\n", report.Output.ToStringUtf8());
        await ChildIsGoneAsync();
    }

    [Fact]
    public async Task Cancelled_EndsTheWholeGroup()
    {
        Program("hang", "sleep 300 & echo $! > child; wait");
        using var stop = new CancellationTokenSource();
        var run = new CommandExecution(_directory.Path, TimeProvider.System).RunAsync(Order("hang"), stop.Token);
        await Deadline.UntilAsync(() => Task.FromResult(File.Exists(ChildFile) && File.ReadAllText(ChildFile).Length > 0), "the command runs");

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.WithinDeadline());
        await ChildIsGoneAsync();
    }

    [Theory]
    [InlineData("../tell")]
    [InlineData("/bin/true")]
    [InlineData("..")]
    [InlineData("missing")]
    [InlineData("")]
    public async Task NameThatIsNoProgramOfTheDirectory_IsRefused(string name)
    {
        var refused = await Assert.ThrowsAsync<TaskFailureException>(() => RunAsync(Order(name)).WithinDeadline());

        Assert.Equal(FailureCode.BadOrder, refused.Code);
        Assert.Contains(_directory.Path, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FileThatIsNotExecutable_IsRefused()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory.Path, "text"), "hello", Token);

        var refused = await Assert.ThrowsAsync<TaskFailureException>(() => RunAsync(Order("text")).WithinDeadline());

        Assert.Contains("not executable", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoDirectory_IsRefusedAndSaysWhatToSet()
    {
        var refused = await Assert.ThrowsAsync<TaskFailureException>(
            () => new CommandExecution(directory: null, TimeProvider.System).RunAsync(Order("tell"), Token).WithinDeadline());

        Assert.Equal(FailureCode.BadOrder, refused.Code);
        Assert.Contains("set Worker:CommandDirectory", refused.Message, StringComparison.Ordinal);
    }

    private string ChildFile => Path.Combine(_directory.Path, "child");

    private async Task ChildIsGoneAsync()
    {
        var child = (await File.ReadAllTextAsync(ChildFile, Token)).Trim();
        Assert.NotEmpty(child);
        await Deadline.UntilAsync(() => Task.FromResult(!File.Exists($"/proc/{child}/stat") || File.ReadAllText($"/proc/{child}/stat").Contains(") Z ", StringComparison.Ordinal)), "the child is gone");
    }

    private Task<CommandReport> RunAsync(TaskOrder order) => new CommandExecution(_directory.Path, TimeProvider.System).RunAsync(order, Token);

    private static TaskOrder Order(string name, params string[] arguments) => new()
    {
        JobId = "job-1",
        VmName = "web",
        Command = new CommandOrder
        {
            Name = name,
            Arguments = { arguments },
            TimeLimit = Duration.FromTimeSpan(TimeSpan.FromSeconds(30)),
            VmId = "vm-1",
            Phase = "post",
            Result = "taken",
        },
    };

    private void Program(string name, string script)
    {
        var file = Path.Combine(_directory.Path, name);
        File.WriteAllText(file, $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
