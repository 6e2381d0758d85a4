// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Trust;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Engine;

public sealed class EngineConnectionTests
{
    [Theory]
    [InlineData("https://engine.example/ovirt-engine/api")]
    [InlineData("https://engine.example/ovirt-engine/api/")]
    [InlineData("https://engine.example/ovirt-engine/")]
    [InlineData("https://engine.example:8443")]
    public void UsualUrls_AreAccepted(string url)
    {
        var connection = Valid() with { ApiUrl = new Uri(url) };

        Assert.Empty(connection.Validate());
        Assert.Equal("/ovirt-engine/api", connection.ApiRoot.AbsolutePath);
    }

    [Theory]
    [InlineData("http://engine.example/ovirt-engine/api", "not https")]
    [InlineData("https://engine.example/api", "is not the API's")]
    [InlineData("https://engine.example/ovirt-engine/webadmin", "is not the API's")]
    [InlineData("https://admin:secret@engine.example/ovirt-engine/api", "user name or password")]
    [InlineData("https://engine.example/ovirt-engine/api?x=1", "no query")]
    [InlineData("engine.example", "not absolute")]
    public void WrongUrl_SaysWhatIsWrongAndWhatToDo(string url, string expected)
    {
        var connection = Valid() with { ApiUrl = new Uri(url, UriKind.RelativeOrAbsolute) };

        var error = Assert.Single(connection.Validate());

        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Contains("https://HOST/ovirt-engine/api", error, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error, StringComparison.Ordinal);
    }

    [Fact]
    public void ManyThingsWrong_AllAreNamedAtOnce()
    {
        var connection = Valid() with
        {
            User = "admin",
            Password = new Secret(string.Empty),
            PageSize = 0,
            Trust = TlsTrust.Pinned("nonsense"),
            Timeouts = new EngineTimeouts { Request = TimeSpan.Zero },
        };

        var failure = Assert.Throws<OvirtException>(() => new OvirtEngineClientFactory(TimeProvider.System, NullLoggerFactory.Instance).Create(connection));

        Assert.Equal(OvirtError.InvalidSettings, failure.Error);
        foreach (var word in new[] { "'admin' has no domain", "Password", "PageSize", "WebCaPem", "EngineCaPem", "Timeouts.Request" })
        {
            Assert.Contains(word, failure.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Secrets_DoNotShowThemselves()
    {
        var connection = Valid();

        Assert.DoesNotContain("hunter2", $"{connection} {connection.Password}", StringComparison.Ordinal);
        Assert.Equal("hunter2", connection.Password.Reveal());
    }

    private static EngineConnection Valid() => new()
    {
        ApiUrl = new Uri("https://engine.example/ovirt-engine/api"),
        User = "admin@ovirt@internalsso",
        Password = new Secret("hunter2"),
        Trust = new TlsTrust(),
    };
}
