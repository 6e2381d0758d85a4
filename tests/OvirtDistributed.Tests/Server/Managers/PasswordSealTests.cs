// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Managers;

public sealed class PasswordSealTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void SealedPassword_OpensForItsOwnerWithTheSameKeyFile()
    {
        var owner = Guid.NewGuid();
        var sealedPassword = PasswordSeal.Open(_directory.Path).Seal(owner, "sécret");

        Assert.Equal("sécret", PasswordSeal.Open(_directory.Path).Open(owner, sealedPassword));
        Assert.Throws<InvalidOperationException>(() => PasswordSeal.Open(_directory.Path).Open(Guid.NewGuid(), sealedPassword));
    }

    [Fact]
    public void AnyByteChanged_IsRefused()
    {
        var owner = Guid.NewGuid();
        var seal = PasswordSeal.Open(_directory.Path);
        var sealedPassword = seal.Seal(owner, "secret");

        for (var index = 0; index < sealedPassword.Length; index++)
        {
            var damaged = sealedPassword.ToArray();
            damaged[index] ^= 1;
            Assert.Throws<InvalidOperationException>(() => seal.Open(owner, damaged));
        }
    }

    [Fact]
    public void KeyFile_IsForItsOwnerOnlyAndADamagedOneIsNotReplaced()
    {
        PasswordSeal.Open(_directory.Path);
        var file = Path.Combine(_directory.Path, "server.key");

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        File.WriteAllText(file, "short");
        Assert.Throws<InvalidOperationException>(() => PasswordSeal.Open(_directory.Path));
        Assert.Equal("short", File.ReadAllText(file));
    }

    public void Dispose() => _directory.Dispose();
}
