// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using Google.Protobuf.WellKnownTypes;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Lab.Servers;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Commands;
using OvirtDistributed.Worker.Execution;
using Xunit;

namespace OvirtDistributed.EndToEnd.Hosts;

/// <summary>A real sshd plays the guest: what a command there is given, what is said when it goes wrong, and that none outlives its time or its connection.</summary>
public sealed class GuestCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string ChildFile => _directory.File("child");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Command_GetsEverythingAsItIsAndItsExitCodeAndOutputComeBack()
    {
        await using var guest = await StartAsync();
        Program(guest, "tell", "printf '[%s]' \"$@\"; echo; echo \"$OVD_JOB/$OVD_VM_ID/$OVD_VM_NAME/$OVD_PHASE/$OVD_RESULT\"; cat; echo problem >&2; exit 3");
        string[] arguments = ["a b", "it's", "$(id) `id` $HOME", "*", "-x", "", "\"\\", "two\nlines", "ünï!", "; exit 9"];

        var report = await RunAsync(await OrderAsync(guest, "tell", arguments)).WithinDeadline();

        var output = report.Output.ToStringUtf8();
        Assert.Equal((3, false, false), (report.ExitCode, report.TimedOut, report.OutputCut));
        Assert.Contains($"{string.Concat(arguments.Select(argument => $"[{argument}]"))}\njob-1/vm-1/it's web/post/taken\n", output, StringComparison.Ordinal);
        Assert.Contains("problem\n", output, StringComparison.Ordinal);
        Assert.Empty(Folders());
    }

    [Fact]
    public async Task GuestWithAnIpv6Address_RunsTheCommandAndNoOtherKeyIsTrusted()
    {
        Assert.SkipUnless(HasIpv6Loopback(), "this machine has no ::1");
        await using var guest = await PrivateSshd.StartAsync(_directory.File("sshd"), Token, address: "::1").WithinDeadline();
        Program(guest, "tell", "echo \"$SSH_CONNECTION\"");
        var order = await OrderAsync(guest, "tell");

        var report = await RunAsync(order).WithinDeadline();

        Assert.Equal(0, report.ExitCode);
        Assert.Matches($@"^::1 \d+ ::1 {guest.Port}\n$", report.Output.ToStringUtf8());
        order.Command.Guest.KnownHosts = await File.ReadAllTextAsync(await guest.WriteWrongKnownHostsAsync(Token), Token);
        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => RunAsync(order).WithinDeadline());
        Assert.Contains($"Guest ::1 shows another SSH host key than the one pinned for [::1]:{guest.Port}", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(255, 254)]
    [InlineData(0, 0)]
    public async Task AbsolutePathAndTheCodeOfSshItself_AreToldApart(int code, int expected)
    {
        await using var guest = await StartAsync();
        Program(guest, "end", $"exit {code}");

        var report = await RunAsync(await OrderAsync(guest, Path.Combine(guest.ProgramDirectory, "end"))).WithinDeadline();

        Assert.Equal(expected, report.ExitCode);
    }

    [Fact]
    public async Task ProgramThatIsNotThere_Is127AndSaysSo()
    {
        await using var guest = await StartAsync();

        var report = await RunAsync(await OrderAsync(guest, "missing")).WithinDeadline();

        Assert.Equal(127, report.ExitCode);
        Assert.Contains("missing", report.Output.ToStringUtf8(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TimeLimit_EndsTheWholeGroupInTheGuest()
    {
        await using var guest = await StartAsync();
        Program(guest, "hang", $"sleep 300 & echo $! > '{ChildFile}'; echo begun; wait");
        var order = await OrderAsync(guest, "hang");
        order.Command.TimeLimit = Duration.FromTimeSpan(TimeSpan.FromSeconds(1));

        var report = await RunAsync(order).WithinDeadline();

        Assert.True(report.TimedOut);
        Assert.Equal("begun\n", report.Output.ToStringUtf8());
        await ChildIsGoneAsync();
    }

    [Fact]
    public async Task Cancelled_EndsTheProgramInTheGuest()
    {
        await using var guest = await StartAsync();
        Program(guest, "hang", $"sleep 300 & echo $! > '{ChildFile}'; wait");
        using var stop = new CancellationTokenSource();
        var run = new GuestCommands(TimeProvider.System).RunAsync(await OrderAsync(guest, "hang"), stop.Token);
        await RunsAsync(ChildFile);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.WithinDeadline());
        await ChildIsGoneAsync();
        Assert.Empty(Folders());
    }

    [Fact]
    public async Task ConnectionIsKilledInTheMiddle_IsNoExitCodeAndTheProgramEnds()
    {
        await using var guest = await StartAsync();
        Program(guest, "hang", $"sleep 300 & echo $! > '{ChildFile}'; echo $$ > '{_directory.File("self.new")}'; mv '{_directory.File("self.new")}' '{_directory.File("self")}'; wait");
        var run = RunAsync(await OrderAsync(guest, "hang"));
        await RunsAsync(_directory.File("self"));
        using var session = Process.GetProcessById(SessionOf(int.Parse(await File.ReadAllTextAsync(_directory.File("self"), Token), CultureInfo.InvariantCulture)));
        session.Kill();

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => run.WithinDeadline());

        Assert.Equal(FailureCode.SourceFailed, failure.Code);
        Assert.StartsWith("The SSH connection to guest 127.0.0.1 failed or broke, so it is not known how the command ended there", failure.Message, StringComparison.Ordinal);
        await ChildIsGoneAsync();
    }

    [Fact]
    public async Task OtherHostKey_IsRefusedAndNothingRuns()
    {
        await using var guest = await StartAsync();
        Program(guest, "tell", $"touch '{_directory.File("ran")}'");
        var order = await OrderAsync(guest, "tell");
        order.Command.Guest.KnownHosts = await File.ReadAllTextAsync(await guest.WriteWrongKnownHostsAsync(Token), Token);

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => RunAsync(order).WithinDeadline());

        Assert.Contains("Guest 127.0.0.1 shows another SSH host key than the one pinned", failure.Message, StringComparison.Ordinal);
        Assert.Contains("--guest-known-hosts", failure.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_directory.File("ran")));
    }

    [Fact]
    public async Task OtherKeyOfTheClient_IsRefused()
    {
        await using var guest = await StartAsync();
        var order = await OrderAsync(guest, "true");
        _ = await guest.WriteWrongKnownHostsAsync(Token);
        order.Command.Guest.PrivateKey = await File.ReadAllTextAsync(Path.Combine(_directory.File("sshd"), "other_key"), Token);

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => RunAsync(order).WithinDeadline());

        Assert.Contains($"does not let user {guest.User} in with the key that was set", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("PRIVATE KEY", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task GuestThatDoesNotAnswer_IsNamed()
    {
        var guest = await StartAsync();
        var order = await OrderAsync(guest, "true");
        await guest.DisposeAsync();

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => RunAsync(order).WithinDeadline());

        Assert.Contains("guest 127.0.0.1", failure.Message, StringComparison.Ordinal);
        Assert.Contains("refused", failure.Message, StringComparison.Ordinal);
    }

    private static Task<CommandReport> RunAsync(TaskOrder order) => new GuestCommands(TimeProvider.System).RunAsync(order, Token);

    private Task<PrivateSshd> StartAsync() => PrivateSshd.StartAsync(_directory.File("sshd"), Token).WithinDeadline();

    private static async Task<TaskOrder> OrderAsync(PrivateSshd guest, string program, params string[] arguments) => new()
    {
        JobId = "job-1",
        VmName = "it's web",
        Command = new CommandOrder
        {
            Arguments = { arguments },
            TimeLimit = Duration.FromTimeSpan(TimeSpan.FromSeconds(60)),
            VmId = "vm-1",
            Phase = "post",
            Result = "taken",
            Guest = new GuestProgram
            {
                Program = program,
                Address = guest.Address,
                Port = guest.Port,
                User = guest.User,
                PrivateKey = await File.ReadAllTextAsync(guest.KeyFile, Token),
                KnownHosts = await File.ReadAllTextAsync(guest.KnownHostsFile, Token),
            },
        },
    };

    private static bool HasIpv6Loopback() =>
        NetworkInterface.GetAllNetworkInterfaces().SelectMany(card => card.GetIPProperties().UnicastAddresses).Any(own => own.Address.Equals(IPAddress.IPv6Loopback));

    private static string[] Folders() => Directory.GetDirectories(Path.GetTempPath(), $"ovd-guest-{Environment.ProcessId}-*");

    /// <summary>The server's process for the connection that a program runs over.</summary>
    private static int SessionOf(int process)
    {
        while (!File.ReadAllText($"/proc/{process}/comm").StartsWith("sshd", StringComparison.Ordinal))
        {
            var line = File.ReadLines($"/proc/{process}/status").Single(text => text.StartsWith("PPid:", StringComparison.Ordinal));
            process = int.Parse(line["PPid:".Length..], CultureInfo.InvariantCulture);
        }

        return process;
    }

    private static Task RunsAsync(string file) =>
        Deadline.UntilAsync(() => Task.FromResult(File.Exists(file) && File.ReadAllText(file).Length > 0), "the command runs");

    private async Task ChildIsGoneAsync()
    {
        var child = (await File.ReadAllTextAsync(ChildFile, Token)).Trim();
        Assert.NotEmpty(child);
        await Deadline.UntilAsync(() => Task.FromResult(!File.Exists($"/proc/{child}/stat") || File.ReadAllText($"/proc/{child}/stat").Contains(") Z ", StringComparison.Ordinal)), "the child is gone");
    }

    private static void Program(PrivateSshd guest, string name, string script)
    {
        var file = Path.Combine(guest.ProgramDirectory, name);
        File.WriteAllText(file, $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
