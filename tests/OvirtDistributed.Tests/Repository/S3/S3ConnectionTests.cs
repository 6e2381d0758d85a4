// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography.X509Certificates;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.S3;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Tests.DataMover;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.S3;

[Collection(CephCollection.Name)]
[Trait("Needs", "Servers")]
public sealed class S3ConnectionTests(CephFixture ceph) : IDisposable
{
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task ServerWithACertificateOfAnotherCa_IsTrustedWithThatCaOnly()
    {
        var tls = TestCertificates.Write(_directory.File("tls")).Options;
        using var loaded = X509Certificate2.CreateFromPemFile(tls.CertificateFile!, tls.KeyFile);
        await using var proxy = await FaultProxy.StartAsync(ceph.Endpoint, loaded);
        Assert.StartsWith("https://", proxy.Endpoint, StringComparison.Ordinal);
        var options = (await ceph.CreateBucketAsync()) with { Endpoint = proxy.Endpoint };

        await using (var storage = await CephFixture.OpenAsync(options with { CaFile = tls.CaFile }))
        {
            var content = new byte[1 << 20];
            new Random(1).NextBytes(content);
            Assert.True(await storage.PutAsync("x", content, StoragePutMode.CreateOnly, _token).WithinDeadline());
            using var reader = await storage.OpenReadAsync("x", _token).WithinDeadline();
            var read = new byte[content.Length];
            Assert.Equal(content.Length, await reader!.ReadAsync(0, read, _token).AsTask().WithinDeadline());
            Assert.Equal(content, read);
        }

        var failure = await Assert.ThrowsAsync<RepositoryException>(() => CephFixture.OpenAsync(options));
        Assert.Equal(RepositoryError.Unavailable, failure.Error);
        Assert.Contains("certificate", failure.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task KeysInFiles_AreRead()
    {
        await File.WriteAllTextAsync(_directory.File("access"), PrivateCeph.AccessKey + "\n", _token);
        await File.WriteAllTextAsync(_directory.File("secret"), $" {PrivateCeph.SecretKey}\n", _token);
        var options = (await ceph.CreateBucketAsync()) with
        {
            AccessKey = null,
            SecretKey = null,
            AccessKeyFile = _directory.File("access"),
            SecretKeyFile = _directory.File("secret"),
        };
        await using var storage = await CephFixture.OpenAsync(options);
        Assert.Null(await storage.FindAnyAsync(_token).WithinDeadline()); // the check of the start left nothing

        await File.WriteAllTextAsync(_directory.File("secret"), "", _token);
        var failure = await Assert.ThrowsAsync<RepositoryException>(() => CephFixture.OpenAsync(options));
        Assert.Contains(_directory.File("secret"), failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NothingThere_IsSaidInTime()
    {
        var options = ceph.Options("some-bucket") with { Endpoint = "http://127.0.0.1:1" };
        var failure = await Assert.ThrowsAsync<RepositoryException>(() => CephFixture.OpenAsync(options));
        Assert.Equal(RepositoryError.Unavailable, failure.Error);
        Assert.Contains("s3://some-bucket/ovd/", failure.Message, StringComparison.Ordinal);
    }
}

public sealed class S3StorageOptionsTests
{
    [Fact]
    public void EveryProblem_NamesSettingAndValue()
    {
        var options = new S3StorageOptions
        {
            Endpoint = "s3.example:443/path",
            Region = "",
            Bucket = "A",
            Prefix = "/x//y z",
            AccessKey = "k",
            AccessKeyFile = "/no/such/access",
            CaFile = "/no/such/ca.pem",
            CacheDirectory = "relative",
        };
        var problems = string.Join('\n', options.Problems("X:S3"));
        foreach (var part in new[]
        {
            "X:S3:Endpoint 's3.example:443/path'", "X:S3:Region ''", "X:S3:Bucket 'A'", "X:S3:Prefix '/x//y z'", "X:S3:AccessKeyFile '/no/such/access'",
            "X:S3:SecretKeyFile ''", "X:S3:CaFile '/no/such/ca.pem'", "X:S3:CacheDirectory 'relative'",
        })
        {
            Assert.Contains(part, problems, StringComparison.Ordinal);
        }

        var good = new S3StorageOptions { Endpoint = "https://s3.example", Bucket = "backups", AccessKey = "a", SecretKey = "b", CacheDirectory = "/var/cache/ovd" };
        Assert.Empty(good.Problems("X:S3"));
    }

    [Theory]
    [InlineData("a/b", S3KeyKind.Whole, "a/b", 0)]
    [InlineData("a/b~", S3KeyKind.Head, "a/b", 0)]
    [InlineData("a/b~00000000001f", S3KeyKind.Part, "a/b", 31)]
    [InlineData("a/b~1f", S3KeyKind.Foreign, "a/b~1f", 0)]
    [InlineData("a/b~00000000001g", S3KeyKind.Foreign, "a/b~00000000001g", 0)]
    internal void Key_IsTakenApart(string key, S3KeyKind kind, string name, long offset)
    {
        Assert.Equal((name, kind, offset), S3Names.Parse(key));
        if (kind == S3KeyKind.Part)
        {
            Assert.Equal(key, S3Names.PartOf(name, offset));
        }
    }

    [Fact]
    public void PartsBehindAGap_DoNotCount()
    {
        var parts = new S3Parts();
        parts.Add(0, 10);
        parts.Add(10, 5);
        parts.Add(16, 5);
        Assert.Equal(15, parts.Length);
        Assert.Equal((0, 10), parts.At(9));
        Assert.Equal((10, 5), parts.At(10));
        Assert.Equal((10, 5), parts.At(14));
    }
}
