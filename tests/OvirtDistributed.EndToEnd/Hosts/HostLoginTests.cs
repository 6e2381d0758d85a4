// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using OvirtDistributed.Lab.Servers;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Ssh;
using OvirtDistributed.Worker.Transports.Nbd;
using OvirtDistributed.Worker.Transports.Ssh;
using Xunit;

namespace OvirtDistributed.EndToEnd.Hosts;

/// <summary>A host that lets workers in by password, as a user who is not root, with a real sshd and sudo.</summary>
public sealed class HostLoginTests : IDisposable
{
    private const string Password = "it's $HOME, \"quoted\" \\ and ünï";

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task PasswordAndSudo_DiskOfRootIsRead()
    {
        var content = RandomNumberGenerator.GetBytes(1 << 20);
        var file = _directory.File("disk");
        await File.WriteAllBytesAsync(file, content, TestContext.Current.CancellationToken);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await using var sshd = await StartAsync(maySudo: true);

        await using (var export = await ExportAsync(sshd, Password, file))
        {
            await using var disk = await NbdConnections.OpenAsync(export.SocketPath, 1, (_, _, failure) => export.Failure("reading", failure), CancellationToken.None).WithinDeadline();
            var read = new byte[content.Length];
            await disk.ReadAsync(0, read, CancellationToken.None).WithinDeadline();
            Assert.Equal(content, read);
            Assert.DoesNotContain(Directory.EnumerateFiles(Path.GetDirectoryName(export.SocketPath)!), name => Path.GetFileName(name) is "password" or "key");
        }
    }

    [Fact]
    public async Task WrongPassword_IsToldAndNotAskedForAgain()
    {
        await using var sshd = await StartAsync(maySudo: true);

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => ExportAsync(sshd, "wrong words", _directory.File("disk")));

        Assert.Contains("does not let user keeper in with the password that was set", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong words", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task UserThatMayNotSudo_IsToldWhatToAllow()
    {
        await using var sshd = await StartAsync(maySudo: false);

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => ExportAsync(sshd, Password, _directory.File("disk")));

        Assert.Contains("keeper ALL=(root) NOPASSWD: /bin/sh", failure.Message, StringComparison.Ordinal);
    }

    private Task<PrivateSshd> StartAsync(bool maySudo) =>
        PrivateSshd.StartAsync(_directory.File("sshd"), CancellationToken.None, new SshdAccount("keeper", Password, maySudo)).WithinDeadline();

    private static async Task<HostExport> ExportAsync(PrivateSshd sshd, string password, string file)
    {
        var access = new SshAccess
        {
            Name = "127.0.0.1",
            Address = "127.0.0.1",
            Port = sshd.Port,
            User = sshd.User,
            Password = password,
            KnownHosts = await File.ReadAllTextAsync(sshd.KnownHostsFile, CancellationToken.None),
        };
        var image = new HostImage(file, $"json:{{\"driver\":\"raw\",\"file\":{{\"driver\":\"file\",\"filename\":\"{file}\"}}}}", [], HostImage.VolumeGroups);
        return await HostExport.StartAsync(new HostAccess(access, Sudo: true), image, writable: false, clients: 1, TimeProvider.System, CancellationToken.None).WithinDeadline();
    }
}
