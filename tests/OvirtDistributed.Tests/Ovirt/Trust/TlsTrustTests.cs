// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Trust;
using OvirtDistributed.Tests.Ovirt.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Trust;

public sealed class TlsTrustTests
{
    private static readonly Dictionary<string, string> NoAddresses = [];

    [Fact]
    public async Task CertificateOfAnotherAuthority_IsNotTrusted()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        using var other = new TestCertificates("Another CA");

        var failure = await FailAsync(engine.Connection() with { Trust = TlsTrust.Pinned(other.AuthorityPem) });

        Assert.Equal(OvirtError.TlsUntrusted, failure.Error);
        Assert.False(failure.IsRetryable);
        Assert.Equal(0, engine.Logins);
    }

    [Fact]
    public async Task NotPinned_SystemRootsDoNotKnowTheAuthority()
    {
        await using var engine = await ScriptedEngine.StartAsync();

        var failure = await FailAsync(engine.Connection() with { Trust = new TlsTrust() });

        Assert.Equal(OvirtError.TlsUntrusted, failure.Error);
    }

    [Fact]
    public async Task NameIsNotInTheCertificate_IsNotTrusted()
    {
        await using var engine = await ScriptedEngine.StartAsync();

        var failure = await FailAsync(engine.Connection() with { ApiUrl = new Uri($"https://127.0.0.1:{engine.Port}/ovirt-engine/api") });

        Assert.Equal(OvirtError.TlsUntrusted, failure.Error);
        Assert.Equal(0, engine.Logins);
    }

    [Fact]
    public async Task AddressOverride_DialsTheAddressAndChecksTheName()
    {
        using var certificates = new TestCertificates();
        await using var server = await TestServer.StartAsync(
            certificates.Issue(loopback: false, "engine.example"), context => context.Response.WriteAsync("{}", context.RequestAborted));
        await using var engine = await ScriptedEngine.StartAsync();
        var connection = engine.Connection() with
        {
            ApiUrl = new Uri($"https://engine.example:{server.Port}/ovirt-engine/api"),
            Trust = TlsTrust.Pinned(certificates.AuthorityPem),
            HostAddresses = new Dictionary<string, string> { ["engine.example"] = "127.0.0.1" },
        };

        // It answers, so trust is established; that it is no manager is another matter.
        Assert.Equal(OvirtError.InvalidResponse, (await FailAsync(connection)).Error);
        Assert.Equal(["POST /ovirt-engine/sso/oauth/token"], server.Requests);
    }

    [Fact]
    public async Task FirstUse_ShowsTheFingerprintAndThenTheCaIsEnough()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("GET ", """{"product_info":{"name":"oVirt Engine","version":{"major":"4","minor":"5"} } }""");

        var found = await new FirstUseTrustFetcher(TimeProvider.System).FetchAsync(engine.Connection().ApiUrl, NoAddresses, CancellationToken.None).WithinDeadline();

        Assert.True(found.WebCertificateIsFromEngineCa);
        Assert.False(found.WebCertificateIsFromSystemRoots);
        Assert.True(found.IsSufficient);
        Assert.Matches("^([0-9A-F]{2}:){31}[0-9A-F]{2}$", found.EngineCaFingerprint);
        Assert.NotEqual(found.EngineCaFingerprint, found.WebCertificateFingerprint);
        await using var client = Create(engine.Connection() with { Trust = found.Confirm(webCaPem: null) });
        Assert.Equal("oVirt Engine", (await client.Inventory.GetProductAsync(CancellationToken.None).WithinDeadline()).Name);
    }

    [Fact]
    public async Task FirstUse_FingerprintIsThatOfTheAuthority()
    {
        using var certificates = new TestCertificates();
        await using var server = await TestServer.StartAsync(
            certificates.Issue(loopback: false, "localhost"), context => context.Response.WriteAsync(certificates.AuthorityPem, context.RequestAborted));

        var found = await new FirstUseTrustFetcher(TimeProvider.System).FetchAsync(new Uri($"https://localhost:{server.Port}"), NoAddresses, CancellationToken.None).WithinDeadline();

        Assert.Equal(certificates.AuthorityFingerprint, found.EngineCaFingerprint.Replace(":", string.Empty, StringComparison.Ordinal));
    }

    [Fact]
    public async Task FirstUse_ReplacedWebCertificateNeedsItsOwnRoot()
    {
        using var engineCa = new TestCertificates("Engine CA");
        using var webCa = new TestCertificates("Web CA");
        await using var server = await TestServer.StartAsync(
            webCa.Issue(loopback: false, "localhost"), context => context.Response.WriteAsync(engineCa.AuthorityPem, context.RequestAborted));

        var found = await new FirstUseTrustFetcher(TimeProvider.System).FetchAsync(new Uri($"https://localhost:{server.Port}"), NoAddresses, CancellationToken.None).WithinDeadline();

        Assert.False(found.IsSufficient);
        var trust = found.Confirm(webCa.AuthorityPem);
        Assert.Equal(webCa.AuthorityPem, trust.WebCaPem);
        Assert.Equal(found.EngineCaPem, trust.HostCaPem);
    }

    [Theory]
    [InlineData("<html>no such page</html>")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")]
    public async Task FirstUse_ServerIsNoManager_SaysSo(string body)
    {
        using var certificates = new TestCertificates();
        await using var server = await TestServer.StartAsync(certificates.Issue(loopback: false, "localhost"), context => context.Response.WriteAsync(body, context.RequestAborted));

        var failure = await Assert.ThrowsAsync<OvirtException>(
            () => new FirstUseTrustFetcher(TimeProvider.System).FetchAsync(new Uri($"https://localhost:{server.Port}"), NoAddresses, CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.InvalidResponse, failure.Error);
    }

    private static async Task<OvirtException> FailAsync(EngineConnection connection)
    {
        await using var client = Create(connection);
        return await Assert.ThrowsAsync<OvirtException>(() => client.Inventory.GetProductAsync(CancellationToken.None)).WithinDeadline();
    }

    private static OvirtEngineClient Create(EngineConnection connection) =>
        new OvirtEngineClientFactory(TimeProvider.System, NullLoggerFactory.Instance).Create(connection);
}
