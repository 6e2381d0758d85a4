// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Ssh;
using OvirtDistributed.Worker.Transports.Ssh;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Ssh;

public sealed class HostExportTests
{
    [Fact]
    public async Task HostDoesNotAnswer_FailsWithItsNameAndLeavesNoFolder()
    {
        var failure = await Assert.ThrowsAsync<TaskFailureException>(StartAsync);

        Assert.Equal(FailureCode.SourceFailed, failure.Code);
        Assert.Contains("node-1", failure.Message, StringComparison.Ordinal);
        Assert.Contains("refused", failure.Message, StringComparison.Ordinal);
        Assert.Empty(FoldersOf(Environment.ProcessId));
    }

    [Fact]
    public async Task WorkerWasKilled_TheNextTaskRemovesItsFolderAndNoOther()
    {
        using var dead = Process.Start("true");
        await dead.WaitForExitAsync(TestContext.Current.CancellationToken).WithinDeadline();
        using var alive = Process.Start("sleep", "600");
        try
        {
            var (left, used) = (FolderOf(dead.Id), FolderOf(alive.Id));
            await File.WriteAllTextAsync(Path.Combine(left, "key"), "secret", TestContext.Current.CancellationToken);

            await Assert.ThrowsAsync<TaskFailureException>(StartAsync);

            Assert.False(Directory.Exists(left));
            Assert.True(Directory.Exists(used));
            Directory.Delete(used);
        }
        finally
        {
            alive.Kill();
            await alive.WaitForExitAsync(TestContext.Current.CancellationToken).WithinDeadline();
        }
    }

    private static string[] FoldersOf(int process) => Directory.GetDirectories(Path.GetTempPath(), $"ovd-ssh-{process}-*");

    private static string FolderOf(int process) => Directory.CreateTempSubdirectory($"ovd-ssh-{process}-").FullName;

    private static async Task StartAsync()
    {
        // A port that nobody listens on, because it is bound and does not.
        using var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var access = new SshAccess
        {
            Name = "node-1",
            Address = "127.0.0.1",
            Port = ((IPEndPoint)bound.LocalEndPoint!).Port,
            User = "ovd",
            PrivateKey = "no key",
            KnownHosts = "node-1 ssh-ed25519 AAAA",
        };
        var image = new HostImage("/images/top", "json:{}", [], HostImage.VolumeGroups);
        await using var export = await HostExport.StartAsync(new HostAccess(access, Sudo: false), image, writable: false, clients: 1, TimeProvider.System, CancellationToken.None).WithinDeadline();
    }
}
