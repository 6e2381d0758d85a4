// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Tests.Ovirt.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Engine;

public sealed class EngineSessionTests
{
    private const string Product = """
        {"product_info":{"name":"oVirt Engine","vendor":"ovirt.org","version":{"build":"4","full_version":"4.5.4-1.el8","major":"4","minor":"5","revision":"0"}}}
        """;

    [Fact]
    public async Task FirstCall_LogsInOnceAndSendsTheHeadersOfTheApi()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("GET ", Product);
        await using var client = engine.Connect();

        await client.Inventory.GetProductAsync(CancellationToken.None).WithinDeadline();
        await client.Inventory.GetProductAsync(CancellationToken.None).WithinDeadline();

        Assert.Equal(1, engine.Logins);
        var calls = engine.Calls.ToArray();
        Assert.All(calls, call => Assert.Equal("en-US", call.Language));
        Assert.All(calls, call => Assert.True(Guid.TryParseExact(call.Correlation, "D", out _)));
        Assert.NotEqual(calls[0].Correlation, calls[1].Correlation);
    }

    [Fact]
    public async Task SessionEnded_IsRenewedOnceAndTheCallSucceeds()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("GET ", Product);
        await using var client = engine.Connect();
        await client.Inventory.GetProductAsync(CancellationToken.None).WithinDeadline();

        engine.RevokeTokens();
        var product = await client.Inventory.GetProductAsync(CancellationToken.None).WithinDeadline();

        Assert.Equal("oVirt Engine", product.Name);
        Assert.Equal(2, engine.Logins);
    }

    [Fact]
    public async Task SessionEnded_CallsAtTheSameTimeShareOneLogin()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("GET ", Product);
        await using var client = engine.Connect();
        await client.Inventory.GetProductAsync(CancellationToken.None).WithinDeadline();
        engine.RevokeTokens();

        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.Inventory.GetProductAsync(CancellationToken.None))).WithinDeadline();

        Assert.Equal(2, engine.Logins);
    }

    [Fact]
    public async Task NewTokenIsRefusedToo_FailsAfterOneRenewal()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("GET ", Answer.Html(401));
        await using var client = engine.Connect();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.Inventory.GetProductAsync(CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.Unauthorized, failure.Error);
        Assert.Equal(2, engine.Logins);
        Assert.Equal(2, engine.Count("GET "));
    }

    [Fact]
    public async Task OldEngineWrapsTokenInArray_IsUnderstood()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.TokenAsArray = true;
        engine.On("GET ", Product);
        await using var client = engine.Connect();

        var product = await client.Inventory.GetProductAsync(CancellationToken.None).WithinDeadline();

        Assert.Equal(new Version(4, 5, 4, 0), product.Version);
    }

    [Theory]
    [InlineData(400, """{"error_code":"access_denied","error":"Cannot authenticate user"}""", OvirtError.Unauthorized)]
    [InlineData(200, """{"error":"invalid_grant","error_description":"Invalid user credentials"}""", OvirtError.Unauthorized)]
    [InlineData(401, """{"error":"unauthorized_client"}""", OvirtError.Unauthorized)]
    [InlineData(400, """[{"error_code":"invalid_scope","error":"scope is missing"}]""", OvirtError.BadRequest)]
    [InlineData(500, """{"error_code":"server_error","error":"oops"}""", OvirtError.EngineFailed)]
    [InlineData(503, "<html/>", OvirtError.EngineUnavailable)]
    [InlineData(404, "<html/>", OvirtError.InvalidResponse)]
    [InlineData(200, "{}", OvirtError.InvalidResponse)]
    [InlineData(200, "[]", OvirtError.InvalidResponse)]
    [InlineData(200, "", OvirtError.InvalidResponse)]
    [InlineData(200, """{"access_token":7}""", OvirtError.InvalidResponse)]
    public async Task TokenRefused_SaysWhy(int status, string body, OvirtError expected)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.TokenAnswer = Answer.Json(body, status);
        await using var client = engine.Connect();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.Inventory.GetProductAsync(CancellationToken.None)).WithinDeadline();

        Assert.Equal(expected, failure.Error);
        Assert.DoesNotContain(ScriptedEngine.Password, failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoginFails_TheCallItselfWasNotCarriedOut()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.TokenAnswer = Answer.Dropped;
        await using var client = engine.Connect();

        var failure = await Assert.ThrowsAsync<OvirtException>(
            () => client.Vms.StartAsync(new VmId(Guid.NewGuid()), CorrelationId.New(), CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.EngineUnavailable, failure.Error);
        Assert.False(failure.MayHaveBeenCarriedOut);
        Assert.Empty(engine.Calls);
    }

    [Fact]
    public async Task Disposed_LogsOutItsToken()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On("GET ", Product);
        var client = engine.Connect();
        await client.Inventory.GetProductAsync(CancellationToken.None).WithinDeadline();

        await client.DisposeAsync();
        await client.DisposeAsync();

        Assert.Equal(["token-1"], engine.LoggedOut);
    }

    [Fact]
    public async Task DisposedWithoutCalls_SendsNothing()
    {
        await using var engine = await ScriptedEngine.StartAsync();

        await engine.Connect().DisposeAsync();

        Assert.Empty(engine.LoggedOut);
        Assert.Equal(0, engine.Logins);
    }

    [Fact]
    public async Task CallersCorrelationId_IsSentOnEveryRepetition()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        var vm = new VmId(Guid.NewGuid());
        engine.On($"POST vms/{vm}/start", Answer.Fault(409, "[Cannot run VM: VM is locked. Please try again in a few minutes.]"), Answer.Json("{}"));
        var time = new ManualTimeProvider();
        await using var client = engine.Connect(time, new() { LockedLimit = TimeSpan.FromMinutes(1) });
        var correlation = CorrelationId.New();

        var call = client.Vms.StartAsync(vm, correlation, CancellationToken.None);
        await time.DriveAsync(call, TimeSpan.FromSeconds(1));
        await call;

        Assert.Equal(2, engine.Calls.Count);
        Assert.All(engine.Calls, sent => Assert.Equal(correlation.ToString(), sent.Correlation));
    }
}
