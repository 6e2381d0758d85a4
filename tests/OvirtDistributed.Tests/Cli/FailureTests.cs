// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Tests.Cli.Fakes;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Cli;

/// <summary>Exit codes and messages of everything that can go wrong.</summary>
public sealed class FailureTests
{
    public static TheoryData<FailureKind, int, string> Kinds() => new()
    {
        { FailureKind.InvalidInput, 2, "invalid_input" },
        { FailureKind.NotFound, 3, "not_found" },
        { FailureKind.AlreadyExists, 5, "already_exists" },
        { FailureKind.WrongState, 5, "wrong_state" },
        { FailureKind.Unavailable, 4, "unavailable" },
        { FailureKind.Exhausted, 5, "exhausted" },
        { FailureKind.DataDamaged, 8, "data_damaged" },
        { FailureKind.Unauthorized, 7, "unauthorized" },
        { FailureKind.Forbidden, 7, "forbidden" },
        { FailureKind.Conflict, 5, "conflict" },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task ServerRefuses_ExitCodeAndMessageAreItsOwn(FailureKind kind, int exitCode, string code)
    {
        var installation = new FakeInstallation { Failure = new OperatorException(kind, "VM 'x' is odd: do this.") { Reason = "odd" } };
        await using var server = await FakeBackupServer.StartAsync(installation);

        var table = await CliRun.OvdAsync(server, "job", "list");
        var json = await CliRun.OvdAsync(server, "job", "list", "-o", "json");

        Assert.Equal((exitCode, "ovd: VM 'x' is odd: do this.\n", ""), (table.ExitCode, table.Error, table.Out));
        Assert.Equal((exitCode, ""), (json.ExitCode, json.Out));
        using var error = JsonDocument.Parse(json.Error);
        var body = error.RootElement.GetProperty("error");
        Assert.Equal(code, body.GetProperty("code").GetString());
        Assert.Equal("VM 'x' is odd: do this.", body.GetProperty("message").GetString());
        Assert.Equal("odd", body.GetProperty("reason").GetString());
    }

    [Fact]
    public async Task ValueOfAnotherKind_IsSaidInWordsOfTheOperator()
    {
        await using var server = await FakeBackupServer.StartAsync(new FakeInstallation());

        var run = await CliRun.OvdAsync(server, "retention", "set", "weekly", "--keep-last", "x");

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        Assert.Contains("'x' for option '--keep-last': write a whole number.", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServerFailsUnexpectedly_NamesTheReferenceAndNoStackTrace()
    {
        var installation = new FakeInstallation { Failure = new InvalidDataException("secret detail") };
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "job", "list");

        Assert.Equal((int)ExitCode.Unexpected, run.ExitCode);
        Assert.Contains("reference", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("secret detail", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NobodyListens_NamesAddressAndWhatToCheck()
    {
        var address = $"http://127.0.0.1:{FreePort()}";
        var run = new CliRun();

        await run.RunAsync(address, CancellationToken.None, "status");

        Assert.Equal((int)ExitCode.Unavailable, run.ExitCode);
        Assert.Contains($"Cannot reach {address}: Connection refused.", run.Error, StringComparison.Ordinal);
        Assert.Contains("OVD_SERVER", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--pre-command is empty", "backup", "run", "web", "--pre-command", "")]
    [InlineData("--repository is empty", "backup", "run", "web", "--repository", " ")]
    [InlineData("--exclude-disk is empty", "backup", "run", "web", "--exclude-disk", "")]
    [InlineData("VM is empty", "backup", "run", "")]
    public async Task EmptyValue_IsRefusedAndNotTakenAsNoneAtAll(string expected, params string[] command)
    {
        var installation = new FakeInstallation();
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, command);

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.Empty(installation.Requests);
    }

    [Fact]
    public async Task NoGrpcAtTheAddress_SaysSo()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var end = new CancellationTokenSource();
        var serving = AnswerHttp1Async(listener, end.Token);
        var run = new CliRun();

        await run.RunAsync($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}", CancellationToken.None, "manager", "list").WithinDeadline();
        await end.CancelAsync();
        Assert.NotEqual(0, await serving.WithinDeadline());

        Assert.Equal((int)ExitCode.Unavailable, run.ExitCode);
        Assert.Contains("gRPC address", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServerDoesNotAnswer_TimeoutNamesTheOption()
    {
        await using var server = await FakeBackupServer.StartAsync(new FakeInstallation { Hangs = true });

        var run = await CliRun.OvdAsync(server, "job", "list", "--timeout", "300ms");

        Assert.Equal((int)ExitCode.Unavailable, run.ExitCode);
        Assert.Contains("did not answer in time", run.Error, StringComparison.Ordinal);
        Assert.Contains("--timeout", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InterruptedDuringACall_Is130()
    {
        var installation = new FakeInstallation { Hangs = true };
        await using var server = await FakeBackupServer.StartAsync(installation);
        using var interrupt = new CancellationTokenSource();
        var run = new CliRun();

        var running = run.RunAsync(server.Address, interrupt.Token, "job", "list");
        await Deadline.UntilAsync(() => Task.FromResult(!installation.Requests.IsEmpty), "the call arrives");
        await interrupt.CancelAsync();

        Assert.Equal((int)ExitCode.Interrupted, await running.WithinDeadline());
        Assert.Equal("ovd: Interrupted.\n", run.Error);
    }

    [Theory]
    [InlineData("manager lst", "'lst' is not a command here; there are: add, list, remove, set-ssh, inventory.", "ovd manager --help")]
    [InlineData("frobnicate", "'frobnicate' is not a command here; there are: status, manager", "ovd --help")]
    [InlineData("manager", "Required command was not provided.", "ovd manager --help")]
    [InlineData("job show", "Required argument missing for command: 'show'.", "ovd job show --help")]
    [InlineData("job list --bogus", "'--bogus'", "ovd job list --help")]
    [InlineData("job list --limit 0", "--limit must be a positive number.", "ovd job list --help")]
    [InlineData("job list -o yaml", "'yaml' not recognized", "ovd job list --help")]
    [InlineData("restore vm 7b", "Option '--name' is required.", "ovd restore vm --help")]
    [InlineData("restore vm --name n", "Required argument missing: POINT.", "ovd restore vm --help")]
    [InlineData("restore vm --plan 9f86 --start", "--start cannot be given with --plan", "ovd restore vm --help")]
    [InlineData("restore vm 7b --plan 9f86", "POINT cannot be given with --plan", "ovd restore vm --help")]
    [InlineData("restore disk 7b", "Option '--to-file' or '--to-vm' is required.", "ovd restore disk --help")]
    [InlineData("restore disk 7b --to-file f --to-vm v", "exclude each other", "ovd restore disk --help")]
    [InlineData("restore disk 7b --to-file f --activate", "--activate does not belong to --to-file", "ovd restore disk --help")]
    [InlineData("restore vm 7b --name n --format vmdk", "'vmdk' not recognized", "ovd restore vm --help")]
    [InlineData("backup run", "Name VMs, or select them with --match, --tag or --cluster.", "ovd backup run --help")]
    [InlineData("backup run db --post-arg x", "--post-arg needs --post-command.", "ovd backup run --help")]
    [InlineData("backup run db --pre-command a --command-timeout soon", "--command-timeout 'soon' is not a time", "ovd backup run --help")]
    [InlineData("backup run db --guest-user backup --guest-key-file k --guest-known-hosts h", "--guest-user needs --pre-command or --post-command.", "ovd backup run --help")]
    [InlineData("backup run db --pre-command a --guest-address db.example", "--guest-key-file is needed for commands in the guest.", "ovd backup run --help")]
    [InlineData("backup run db --pre-command a --guest-user u --guest-key-file k --guest-known-hosts h --guest-port 70000", "--guest-port 70000 is out of range", "ovd backup run --help")]
    [InlineData("backup run db --freeze-timeout 30", "--freeze-timeout needs --consistency freeze.", "ovd backup run --help")]
    [InlineData("plan backup --exclude-vm db", "Name VMs, or select them", "ovd plan backup --help")]
    [InlineData("manager add m --url u --user u --password-file f --password-stdin", "exclude each other", "ovd manager add --help")]
    [InlineData("manager add m --url u --user u --ca-file f --trust-on-first-use", "exclude each other", "ovd manager add --help")]
    [InlineData("manager add m --url u --user u --password hunter2", "'--password'", "ovd manager add --help")]
    [InlineData("repository add r --mover http://127.0.0.1:1 --chunk-average 64", "needs --create", "ovd repository add --help")]
    public async Task WrongUsage_Is2AndNamesTheHelp(string command, string message, string help)
    {
        var run = new CliRun();

        await run.RunAsync("http://127.0.0.1:1", CancellationToken.None, command.Split(' '));

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
        Assert.Contains($"See: {help}\n", run.Error, StringComparison.Ordinal);
        Assert.Equal("", run.Out);
    }

    [Fact]
    public async Task WrongUsageAsJson_IsADocument()
    {
        var run = new CliRun();

        await run.RunAsync(null, CancellationToken.None, "-o", "json", "manager", "lst");

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        using var error = JsonDocument.Parse(run.Error);
        Assert.Equal("invalid_input", error.RootElement.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Help_ListsEveryExitCode()
    {
        var run = new CliRun();

        await run.RunAsync(null, CancellationToken.None, "--help");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        foreach (var code in Enum.GetValues<ExitCode>())
        {
            Assert.Contains($"\n  {(int)code,-3}  ", run.Out, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Version_IsOneLine()
    {
        var run = new CliRun();

        await run.RunAsync(null, CancellationToken.None, "--version");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Matches("^ovd [0-9]+\\.[0-9]+\\.[0-9]+\n$", run.Out);
    }

    [Fact]
    public async Task UnknownJob_Is3()
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(server, "job", "watch", "ffff");

        Assert.Equal((int)ExitCode.NotFound, run.ExitCode);
        Assert.Equal("ovd: Job 'ffff' does not exist.\n", run.Error);
    }

    [Theory]
    [InlineData("table")]
    [InlineData("json")]
    public async Task NoDiskCanBeTracked_Is5AndSaysWhy(string format)
    {
        var installation = Samples.Installation();
        installation.CbtChanges.RemoveAt(0);
        await using var server = await FakeBackupServer.StartAsync(installation);

        var run = await CliRun.OvdAsync(server, "vm", "enable-cbt", "web", "-o", format);

        Assert.Equal((int)ExitCode.Refused, run.ExitCode);
        Assert.Contains("a raw disk cannot be tracked", run.Out, StringComparison.Ordinal);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Answers every connection as a web server does that knows no HTTP/2; tells how many there were.</summary>
    private static async Task<int> AnswerHttp1Async(TcpListener listener, CancellationToken end)
    {
        var answered = 0;
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync(end);
                await client.GetStream().WriteAsync("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), end);
                answered++;
            }
        }
        catch (OperationCanceledException)
        {
            return answered;
        }
    }
}
