// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Tests.Cli.Fakes;
using OvirtDistributed.Tests.Shared;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli;

/// <summary>Connecting a manager: passwords and trust.</summary>
public sealed class ManagerAddTests
{
    private const string Password = "correct horse";
    private static readonly string[] Add = ["manager", "add", "prod", "--url", "https://engine.example/ovirt-engine/api", "--user", "backup@internal"];

    [Fact]
    public async Task PasswordIsPrompted_AndNeverShown()
    {
        await using var server = await FakeBackupServer.StartAsync();
        var run = new CliRun { InputIsTerminal = true, Secret = Password };

        await run.RunAsync(server.Address, CancellationToken.None, [.. Add, "--trust-on-first-use"]);

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Equal(["Password of backup@internal: "], run.SecretPrompts);
        Assert.Equal(Password, server.Installation.Single<AddManagerRequest>().Password);
        Assert.DoesNotContain(Password, run.Out + run.Error, StringComparison.Ordinal);
        Assert.Equal("Manager prod is connected: oVirt 4.5.5, 7 VMs.\n", run.Out);
    }

    [Fact]
    public async Task PasswordFromStandardInput_IsItsFirstLine()
    {
        await using var server = await FakeBackupServer.StartAsync();
        var run = new CliRun { Input = Password + "\nmore\n" };

        await run.RunAsync(server.Address, CancellationToken.None, [.. Add, "--trust-on-first-use", "--password-stdin"]);

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Equal(Password, server.Installation.Single<AddManagerRequest>().Password);
        Assert.Empty(run.SecretPrompts);
    }

    [Fact]
    public async Task PasswordFromFile_AndCaAndHostAddresses_AreSent()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory.File("password"), Password + "\n");
        File.WriteAllText(directory.File("ca.pem"), "PEM");
        await using var server = await FakeBackupServer.StartAsync();
        var run = new CliRun();

        await run.RunAsync(
            server.Address, CancellationToken.None,
            [.. Add, "--password-file", directory.File("password"), "--ca-file", directory.File("ca.pem"), "--host-address", "host1=10.0.0.1", "--host-address", "host2=10.0.0.2"]);

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        var request = server.Installation.Single<AddManagerRequest>();
        Assert.Equal((Password, "PEM", "10.0.0.1", "10.0.0.2"), (request.Password, request.CaPem, request.HostAddresses["host1"], request.HostAddresses["host2"]));
    }

    [Fact]
    public async Task NoTerminalAndNoPasswordOption_AsksForTheOption()
    {
        await using var server = await FakeBackupServer.StartAsync();

        var run = await CliRun.OvdAsync(server, Add);

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        Assert.Contains("--password-file", run.Error, StringComparison.Ordinal);
        Assert.Empty(server.Installation.Requests);
    }

    [Fact]
    public async Task UnknownCa_ShownAndConfirmed_IsStoredWithItsFingerprint()
    {
        await using var server = await FakeBackupServer.StartAsync();
        var run = new CliRun { InputIsTerminal = true, Secret = Password, Input = "y\n" };

        await run.RunAsync(server.Address, CancellationToken.None, Add);

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Contains("AA:AA:AA", run.Error, StringComparison.Ordinal);
        Assert.Equal(server.Installation.PresentedFingerprint, server.Installation.Requests.OfType<AddManagerRequest>().Last().CaFingerprint);
        Assert.Single(server.Installation.Managers);
    }

    [Theory]
    [InlineData("n\n")]
    [InlineData("\n")]
    [InlineData("")]
    public async Task UnknownCa_NotConfirmed_StoresNothing(string answer)
    {
        await using var server = await FakeBackupServer.StartAsync();
        var run = new CliRun { InputIsTerminal = true, Secret = Password, Input = answer };

        await run.RunAsync(server.Address, CancellationToken.None, Add);

        Assert.Equal((int)ExitCode.Refused, run.ExitCode);
        Assert.Single(server.Installation.Requests);
        Assert.Empty(server.Installation.Managers);
    }

    [Fact]
    public async Task UnknownCaWithoutTerminal_NamesFingerprintAndOption()
    {
        await using var server = await FakeBackupServer.StartAsync();
        var run = new CliRun { Input = Password };

        await run.RunAsync(server.Address, CancellationToken.None, [.. Add, "--password-stdin", "-o", "json"]);

        Assert.Equal((int)ExitCode.Refused, run.ExitCode);
        using var error = JsonDocument.Parse(run.Error);
        Assert.Equal("ca_unconfirmed", error.RootElement.GetProperty("error").GetProperty("code").GetString());
        Assert.Contains($"--ca-fingerprint {server.Installation.PresentedFingerprint}", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PasswordFileIsMissing_IsALocalFileError()
    {
        await using var server = await FakeBackupServer.StartAsync();

        var run = await CliRun.OvdAsync(server, [.. Add, "--password-file", "/nonexistent/password"]);

        Assert.Equal((int)ExitCode.LocalFile, run.ExitCode);
        Assert.Contains("--password-file '/nonexistent/password'", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("host1", "write NAME=VALUE")]
    [InlineData("=10.0.0.1", "write NAME=VALUE")]
    [InlineData("host1=", "write NAME=VALUE")]
    public async Task HostAddressWithoutPair_IsRefused(string value, string message)
    {
        await using var server = await FakeBackupServer.StartAsync();

        var run = await CliRun.OvdAsync(server, [.. Add, "--host-address", value]);

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Remove_TellsThatPointsStay()
    {
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation());

        var run = await CliRun.OvdAsync(server, "manager", "remove", "prod");
        var again = await CliRun.OvdAsync(server, "manager", "remove", "prod");

        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        Assert.Contains("restore points stay", run.Out, StringComparison.Ordinal);
        Assert.Equal((int)ExitCode.NotFound, again.ExitCode);
    }

    [Fact]
    public async Task RepositoryAdd_SendsWhatWasAsked()
    {
        await using var server = await FakeBackupServer.StartAsync();

        var run = await CliRun.OvdAsync(server, "repository", "add", "main", "--mover", "https://mover:7444", "--create", "--chunk-average", "64");

        Assert.Equal("Repository main is created and known: not encrypted, 0 restore points, 5.0 TiB free.\n", run.Out);
        var request = server.Installation.Single<AddRepositoryRequest>();
        Assert.Equal(("main", "https://mover:7444", true, 65536), (request.Name, request.MoverAddress, request.Create, request.ChunkAverageBytes));
    }
}
