// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Managers.Ssh;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Tests.Worker.Nbd;
using Xunit;

namespace OvirtDistributed.Tests.Server.Managers.Ssh;

/// <summary>Keys and known_hosts lines as ssh-keygen makes them, and mistakes in them.</summary>
public sealed class SshInputTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Theory]
    [InlineData("ed25519", null)]
    [InlineData("rsa", null)]
    [InlineData("rsa", "PEM")]
    public async Task KeyWithoutPassphrase_IsTakenAsItIs(string type, string? form)
    {
        var text = await NewKeyAsync(type, "", form);

        Assert.Equal(text, PrivateKeyText.Checked(text.Replace("\n", "\r\n", StringComparison.Ordinal) + "\n\n"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("PEM")]
    public async Task KeyWithPassphrase_IsRefusedWithoutShowingIt(string? form)
    {
        var text = await NewKeyAsync("rsa", "secret words", form);

        var failure = Assert.Throws<OperatorException>(() => PrivateKeyText.Checked(text));

        Assert.Contains("it has a passphrase", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(text.Split('\n')[2], failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PublicKeyOrNone_IsRefused()
    {
        _ = await NewKeyAsync("ed25519", "", null);
        var publicKey = await File.ReadAllTextAsync(_directory.File("key.pub"), TestContext.Current.CancellationToken);

        Assert.Contains("it is a public key", Assert.Throws<OperatorException>(() => PrivateKeyText.Checked(publicKey)).Message, StringComparison.Ordinal);
        Assert.Contains("it is no private key", Assert.Throws<OperatorException>(() => PrivateKeyText.Checked("")).Message, StringComparison.Ordinal);
        Assert.Contains("it is damaged", Assert.Throws<OperatorException>(
            () => PrivateKeyText.Checked("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task KnownHosts_TellWhoHasAKey()
    {
        var key = await PublicKeyAsync();
        var known = KnownHosts.Parse($"# hosts\n\nh1.example,192.0.2.1 {key}\n[h2.example]:2222 {key} comment\n*.lab.example {key}\n@revoked h3.example {key}\n");

        Assert.True(known.Has("h1.example"));
        Assert.True(known.Has("192.0.2.1"));
        Assert.True(known.Has("[h2.example]:2222"));
        Assert.True(known.Has("x.lab.example"));
        Assert.False(known.Has("h2.example"));
        Assert.False(known.Has("h3.example"));
        Assert.Null(KnownHosts.Parse($"|1|c2FsdHNhbHRzYWx0c2FsdHM=|aGFzaGhhc2hoYXNoaGFzaGg= {key}").Has("h1.example"));
    }

    [Theory]
    [InlineData("h1.example ssh-ed25519", "line 1 'h1.example ssh-ed25519' cannot be used")]
    [InlineData("# only\n", "holds no host key")]
    [InlineData("h1.example ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA==", "line 1")]
    [InlineData("h1.example ssh-ed25519 not!base64", "line 1")]
    [InlineData("@other h1.example ssh-ed25519 AAAA", "line 1")]
    public void KnownHostsWithAMistake_NamesTheLine(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<OperatorException>(() => KnownHosts.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void KeyOwner_IsNotTheManagerItself()
    {
        var manager = Guid.NewGuid();
        Assert.NotEqual(manager, SshRegistry.KeyOwner(manager));
        Assert.Equal(SshRegistry.KeyOwner(manager), SshRegistry.KeyOwner(manager));
    }

    public void Dispose() => _directory.Dispose();

    private async Task<string> NewKeyAsync(string type, string passphrase, string? form)
    {
        var file = _directory.File("key");
        string[] format = form is null ? [] : ["-m", form];
        await NbdSite.RunAsync("ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-f", file, .. format]);
        return await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
    }

    private async Task<string> PublicKeyAsync()
    {
        _ = await NewKeyAsync("ed25519", "", null);
        var fields = (await File.ReadAllTextAsync(_directory.File("key.pub"), TestContext.Current.CancellationToken)).Split(' ');
        return $"{fields[0]} {fields[1]}";
    }
}
