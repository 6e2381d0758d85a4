// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Tests.Cli.Fakes;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Cli;

/// <summary>Where the settings come from, and TLS.</summary>
public sealed class ConnectionTests
{
    private const string Dead = "http://127.0.0.1:1";

    [Fact]
    public async Task NoServerNamed_SaysWhereToNameIt()
    {
        var run = new CliRun();

        await run.RunAsync(null, CancellationToken.None, "status");

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        Assert.Contains("--server", run.Error, StringComparison.Ordinal);
        Assert.Contains("OVD_SERVER", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OptionWinsOverEnvironment_EnvironmentOverFile()
    {
        await using var server = await FakeBackupServer.StartAsync();
        using var home = new TemporaryDirectory();
        Directory.CreateDirectory(Path.Combine(home.Path, ".config", "ovd"));
        var file = Path.Combine(home.Path, ".config", "ovd", "config.json");

        File.WriteAllText(file, $$"""{ "server": "{{server.Address}}" }""");
        var fromFile = new CliRun { HomeDirectory = home.Path };
        Assert.Equal(0, await fromFile.RunAsync(null, CancellationToken.None, "manager", "list"));

        File.WriteAllText(file, $$"""{ "server": "{{Dead}}" }""");
        var fromEnvironment = new CliRun { HomeDirectory = home.Path };
        Assert.Equal(0, await fromEnvironment.RunAsync(server.Address, CancellationToken.None, "manager", "list"));

        var fromOption = new CliRun { HomeDirectory = home.Path };
        Assert.Equal(0, await fromOption.RunAsync(Dead, CancellationToken.None, "manager", "list", "--server", server.Address));
    }

    [Fact]
    public async Task NamedConfigurationFileIsMissing_IsAnError()
    {
        var run = new CliRun();
        run.Environment["OVD_CONFIG"] = "/nonexistent/ovd.json";

        await run.RunAsync(null, CancellationToken.None, "status");

        Assert.Equal((int)ExitCode.LocalFile, run.ExitCode);
        Assert.Contains("/nonexistent/ovd.json", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "sever": "x" }""", "key 'sever' is not known")]
    [InlineData("""{ "server": 5 }""", "'server' must be a text")]
    [InlineData("[]", "must hold a JSON object")]
    [InlineData("{", "is not JSON")]
    public async Task ConfigurationFileIsWrong_SaysWhere(string content, string message)
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory.File("c.json"), content);
        var run = new CliRun();
        run.Environment["OVD_CONFIG"] = directory.File("c.json");

        await run.RunAsync(null, CancellationToken.None, "status");

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
        Assert.Contains(directory.File("c.json"), run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("backup.example:7443", "write https://HOST:PORT")]
    [InlineData("ftp://backup.example", "write https://HOST:PORT")]
    [InlineData("http://10.1.2.3:7443", "plain text to another machine")]
    [InlineData("https://backup.example:7443", "needs a client certificate")]
    public async Task AddressThatCannotWork_SaysWhatToWrite(string address, string message)
    {
        var run = new CliRun();

        await run.RunAsync(address, CancellationToken.None, "status");

        Assert.Equal((int)ExitCode.Usage, run.ExitCode);
        Assert.Contains(address, run.Error, StringComparison.Ordinal);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("500ms", 0.5)]
    [InlineData("30s", 30)]
    [InlineData("2m", 120)]
    [InlineData("1.5h", 5400)]
    [InlineData("45", 45)]
    public void Duration_IsRead(string text, double seconds)
    {
        Assert.True(DurationText.TryParse(text, out var duration));
        Assert.Equal(TimeSpan.FromSeconds(seconds), duration);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("-5s")]
    [InlineData("5d")]
    [InlineData("1e99h")]
    public void NoDuration_IsRefused(string text) => Assert.False(DurationText.TryParse(text, out _));

    [Fact]
    public async Task MutualTls_WorksWithTheInstallationsFiles()
    {
        using var files = new TlsFiles();
        using var serverIdentity = TlsIdentity.Load(files.Server);
        await using var server = await FakeBackupServer.StartAsync(Samples.Installation(), tls: serverIdentity);
        var run = new CliRun();
        run.Environment["OVD_TLS_CERT"] = files.Client.CertificateFile!;
        run.Environment["OVD_TLS_KEY"] = files.Client.KeyFile!;

        await run.RunAsync(server.Address, CancellationToken.None, "manager", "list", "--tls-ca", files.Client.CaFile!);

        Assert.Equal("", run.Error);
        Assert.StartsWith("https://", server.Address, StringComparison.Ordinal);
        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
    }

    [Fact]
    public async Task ServerOfAnotherInstallation_IsNotTrusted()
    {
        using var theirs = new TlsFiles();
        using var ours = new TlsFiles();
        using var serverIdentity = TlsIdentity.Load(theirs.Server);
        var installation = new FakeInstallation();
        await using var server = await FakeBackupServer.StartAsync(installation, tls: serverIdentity);
        var run = new CliRun();

        await run.RunAsync(
            server.Address, CancellationToken.None,
            "manager", "list", "--tls-cert", ours.Client.CertificateFile!, "--tls-key", ours.Client.KeyFile!, "--tls-ca", ours.Client.CaFile!);

        Assert.Equal((int)ExitCode.Unavailable, run.ExitCode);
        Assert.Contains("No trusted TLS connection", run.Error, StringComparison.Ordinal);
        Assert.Empty(installation.Requests);
    }

    [Fact]
    public async Task TlsFilesIncomplete_NamesTheMissingOne()
    {
        var run = new CliRun();

        await run.RunAsync("https://127.0.0.1:1", CancellationToken.None, "status", "--tls-cert", "/nonexistent/a.pem");

        Assert.Equal((int)ExitCode.LocalFile, run.ExitCode);
        Assert.Contains("/nonexistent/a.pem", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task EveryCall_CarriesATraceContext()
    {
        await using var server = await FakeBackupServer.StartAsync();

        await CliRun.OvdAsync(server, "status");

        Assert.Equal(5, server.Installation.TraceParents.Count);
        Assert.Single(server.Installation.TraceParents.Select(header => header.Split('-')[1]).Distinct());
        Assert.All(server.Installation.TraceParents, header => Assert.EndsWith("-01", header, StringComparison.Ordinal));
    }
}
