// SPDX-License-Identifier: Apache-2.0

using System.Text;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Ssh;
using OvirtDistributed.Worker.Transports.Ssh;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Ssh;

/// <summary>What an order becomes for the host, what is refused, and what a failure of ssh means.</summary>
public sealed class HostOrderTests
{
    private static readonly Guid Pool = Guid.NewGuid();
    private static readonly Guid Domain = Guid.NewGuid();
    private static readonly Guid Disk = Guid.NewGuid();

    [Fact]
    public void Chain_BecomesNestedLayersThatEndWhereTheOrderEnds()
    {
        var (top, last) = (Guid.NewGuid(), Guid.NewGuid());

        var image = HostImage.Of(Order(Volume(top), Volume(last, "raw")));

        var folder = $"/rhev/data-center/{Pool}/{Domain}/images/{Disk}";
        Assert.Equal($"{folder}/{top}", image.TopPath);
        Assert.Empty(image.LogicalVolumes);
        Assert.Equal(
            "json:{\"driver\":\"qcow2\",\"file\":" + FileOf(folder, top) + ",\"backing\":{\"driver\":\"raw\",\"file\":" + FileOf(folder, last) + "}}",
            image.Description);
    }

    [Fact]
    public void LastLayer_HasNothingBelowUnlessItsHeaderMaySayIt()
    {
        var order = Order(Volume(Guid.NewGuid()));
        Assert.EndsWith(",\"backing\":null}", HostImage.Of(order).Description, StringComparison.Ordinal);
        order.BackingFromHeader = true;
        Assert.DoesNotContain("backing", HostImage.Of(order).Description, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("root", "storage_root 'relative' is no absolute path")]
    [InlineData("volume", "volume_id '../../etc/shadow' is no id")]
    [InlineData("format", "format 'vmdk' of volume")]
    [InlineData("raw", "is raw and has another one below it")]
    [InlineData("empty", "chain is empty")]
    public void ChainThatCannotBe_IsRefused(string what, string expected)
    {
        var order = Order(Volume(Guid.NewGuid()), Volume(Guid.NewGuid()));
        switch (what)
        {
            case "root":
                order.StorageRoot = "relative";
                break;
            case "volume":
                order.Chain[1].VolumeId = "../../etc/shadow";
                break;
            case "format":
                order.Chain[0].Format = "vmdk";
                break;
            case "raw":
                order.Chain[0].Format = "raw";
                break;
            default:
                order.Chain.Clear();
                break;
        }

        var failure = Assert.Throws<TaskFailureException>(() => HostImage.Of(order));

        Assert.Equal(FailureCode.BadOrder, failure.Code);
        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-oProxyCommand=x", "root", 22, "address is '-oProxyCommand=x'")]
    [InlineData("host", "root; reboot", 22, "user is 'root; reboot'")]
    [InlineData("host", "", 22, "user is ''")]
    [InlineData("host", "root", 0, "port is 0")]
    public void AccessThatCouldBeACommand_IsRefused(string address, string user, int port, string expected)
    {
        var order = Order();
        (order.Address, order.User, order.Port) = (address, user, port);

        var failure = Assert.Throws<TaskFailureException>(() => HostAccess.Of(order));

        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(order.PrivateKey, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Host key for h1 has changed and you have requested strict checking.\nHost key verification failed.\n", "shows another SSH host key")]
    [InlineData("No ED25519 host key is known for h1 and you have requested strict checking.\nHost key verification failed.\n", "No SSH host key is pinned for h1")]
    [InlineData("root@h1: Permission denied (publickey).\n", "does not let user root in")]
    [InlineData("channel 3: open failed: administratively prohibited: open failed\n", "AllowStreamLocalForwarding")]
    [InlineData("first\nsecond\nqemu-nbd: Failed\u001b[1m to open\nlast\n", "It failed: second | qemu-nbd: Failed[1m to open | last")]
    [InlineData("sudo: a password is required\n", "may not run /bin/sh by sudo without a password")]
    [InlineData("ssh_askpass: exec(/tmp/ask): Permission denied\nroot@h1: Permission denied (password).\n", "noexec")]
    [InlineData("", "It failed.")]
    public async Task WhatSshSays_IsExplained(string said, string expected)
    {
        var errors = new SshErrors(HostAccess.Of(Order()).Ssh, SshAdvice.Host);
        using var reader = new StreamReader(new MemoryStream(Encoding.UTF8.GetBytes(said)));
        await errors.ReadAsync(reader).WithinDeadline();

        Assert.Contains(expected, errors.Explain("It failed"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "", "private_key and password are empty")]
    [InlineData("very private", "also private", "private_key and password are both set")]
    public void AccessWithoutOneSecret_IsRefused(string key, string password, string expected)
    {
        var order = Order();
        (order.PrivateKey, order.Password) = (key, password);

        Assert.Contains(expected, Assert.Throws<TaskFailureException>(() => HostAccess.Of(order)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void KeyName_HasThePortUnlessItIsTheUsualOne()
    {
        var order = Order();
        Assert.Equal("h1", HostAccess.Of(order).Ssh.KeyName);
        order.Port = 2222;
        Assert.Equal("[h1]:2222", HostAccess.Of(order).Ssh.KeyName);
        Assert.DoesNotContain(order.PrivateKey, HostAccess.Of(order).ToString(), StringComparison.Ordinal);
    }

    private static string FileOf(string folder, Guid volume) => $"{{\"driver\":\"file\",\"filename\":\"{folder}/{volume}\"}}";

    private static SshDisk Order(params SshVolume[] chain) => new()
    {
        Host = "h1",
        Address = "192.0.2.1",
        Port = 22,
        User = "root",
        PrivateKey = "very private",
        KnownHosts = "h1 ssh-ed25519 AAAA",
        StorageRoot = "/rhev/data-center/",
        Chain = { chain },
    };

    private static SshVolume Volume(Guid id, string format = "qcow2") => new()
    {
        DataCenterId = Pool.ToString(),
        StorageDomainId = Domain.ToString(),
        DiskId = Disk.ToString(),
        VolumeId = id.ToString(),
        Format = format,
    };
}
