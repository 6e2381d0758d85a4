// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Net;
using OvirtDistributed.Simulator;
using OvirtDistributed.Simulator.Faults;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Api;

public sealed class FaultTests
{
    [Fact]
    public async Task StatusFault_HitsExactlyTheRequestsItNames()
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        var fault = api.Engine.Faults.Arm(new FaultRule { Name = "busy", Method = "GET", Path = "/vms", Skip = 1, Times = 2, Status = 503, Detail = "[restarting]" });
        Assert.Equal(HttpStatusCode.OK, (await api.SendAsync(HttpMethod.Get, "vms")).Status);
        Assert.Equal(HttpStatusCode.OK, (await api.SendAsync(HttpMethod.Get, "disks")).Status);
        Assert.False(fault.Exercised);
        await api.AssertFaultAsync(HttpMethod.Get, "vms", null, HttpStatusCode.ServiceUnavailable, "restarting");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await api.SendAsync(HttpMethod.Get, "v4/vms")).Status);
        Assert.Equal(HttpStatusCode.OK, (await api.SendAsync(HttpMethod.Get, "vms")).Status);
        Assert.True(fault.Exercised);
        Assert.Equal(2, fault.Hits);
    }

    [Fact]
    public async Task DropBeforeHandling_DoesNothing_AndAfterHandlingDidIt()
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        var before = api.Engine.Faults.Arm(new FaultRule { Name = "before", Method = "POST", Path = "/tags", DropConnection = true });
        await Assert.ThrowsAsync<HttpRequestException>(() => api.PostAsync("tags", new { name = "one" }));
        Assert.True(before.Exercised);
        Assert.DoesNotContain("one", await TagsAsync(api));
        var after = api.Engine.Faults.Arm(new FaultRule { Name = "after", Method = "POST", Path = "/tags", Moment = FaultMoment.AfterHandling, DropConnection = true });
        await Assert.ThrowsAsync<HttpRequestException>(() => api.PostAsync("tags", new { name = "two" }));
        Assert.True(after.Exercised);
        Assert.Contains("two", await TagsAsync(api));
    }

    [Fact]
    public async Task Delay_HoldsTheAnswerBack()
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        var fault = api.Engine.Faults.Arm(new FaultRule { Name = "slow", Path = "/**", Delay = TimeSpan.FromMilliseconds(300) });
        var start = Stopwatch.GetTimestamp();
        await api.GetAsync("vms");
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(290));
        Assert.True(fault.Exercised);
    }

    [Fact]
    public async Task StickPhase_HoldsAFinalizingTransferUntilTheFaultIsRemoved()
    {
        await using var api = await ApiFixture.StartAsync();
        var path = $"imagetransfers/{(await api.PostOkAsync("imagetransfers", new { disk = new { id = (await api.DisksOfAsync("db"))[0] }, direction = "download", format = "raw" }))["id"]}";
        await api.WaitAsync(path, "phase", "transferring");
        var fault = api.Engine.Faults.Arm(new FaultRule { Name = "stuck", Method = "POST", Path = "/imagetransfers/*/finalize", StickPhase = true });
        await api.PostOkAsync($"{path}/finalize", new { });
        Assert.True(fault.Exercised);
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("finalizing_success", (await api.GetAsync(path))["phase"]!.GetValue<string>());
        }

        Assert.NotEmpty((await api.Engine.LeftoversAsync(ApiFixture.Token)).Transfers);
        Assert.True(api.Engine.Faults.Remove("stuck"));
        await api.WaitAsync(path, "phase", "finished_success");
        await api.AssertCleanAsync();
    }

    [Fact]
    public async Task StickPhase_HoldsANewDiskLocked_AndABackupStarting()
    {
        await using var api = await ApiFixture.StartAsync();
        api.Engine.Faults.Arm(new FaultRule { Name = "disk", Method = "POST", Path = "/disks", StickPhase = true });
        api.Engine.Faults.Arm(new FaultRule { Name = "backup", Method = "POST", Path = "/vms/*/backups", StickPhase = true });
        var disk = (await api.PostOkAsync("disks", new { name = "n", format = "cow", provisioned_size = "1048576", storage_domains = new { storage_domain = new[] { new { name = "nfs1" } } } }))["id"]!.GetValue<string>();
        var vm = $"vms/{await api.VmAsync("web")}";
        var backup = (await api.PostOkAsync($"{vm}/backups", new { disks = new { disk = new[] { new { id = (await api.DisksOfAsync("web"))[0] } } } }))["id"]!.GetValue<string>();
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("locked", (await api.GetAsync($"disks/{disk}"))["status"]!.GetValue<string>());
            Assert.Equal("initializing", (await api.GetAsync($"{vm}/backups/{backup}"))["phase"]!.GetValue<string>());
        }

        api.Engine.Faults.Clear();
        await api.WaitAsync($"disks/{disk}", "status", "ok");
        await api.WaitAsync($"{vm}/backups/{backup}", "phase", "ready");
    }

    [Fact]
    public async Task TokenEndpoint_TakesPartInFaults()
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        var fault = api.Engine.Faults.Arm(new FaultRule { Name = "sso", Path = "/sso/oauth/token", Status = 503 });
        using var content = new StringContent("grant_type=password");
        using var response = await api.Client.PostAsync("/ovirt-engine/sso/oauth/token", content, ApiFixture.Token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.True(fault.Exercised);
    }

    [Fact]
    public async Task AdminEndpoint_ArmsListsAndRemovesFaults()
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        await api.PostOkAsync("/simulator/faults", new { name = "f", method = "GET", path = "/vms", status = 500, delay = 0.01, moment = "after_handling" });
        Assert.Equal(HttpStatusCode.InternalServerError, (await api.SendAsync(HttpMethod.Get, "vms")).Status);
        var listed = (await api.GetAsync("/simulator/faults"))[0]!;
        Assert.Equal(1, listed["hits"]!.GetValue<int>());
        Assert.Equal("after_handling", listed["rule"]!["moment"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.BadRequest, (await api.PostAsync("/simulator/faults", new { name = "f", path = "/x" })).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await api.PostAsync("/simulator/faults", new { name = "g", path = "x" })).Status);
        Assert.Equal(HttpStatusCode.OK, (await api.SendAsync(HttpMethod.Delete, "/simulator/faults/f")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await api.SendAsync(HttpMethod.Delete, "/simulator/faults/f")).Status);
        Assert.Equal(HttpStatusCode.OK, (await api.SendAsync(HttpMethod.Get, "vms")).Status);
    }

    [Fact]
    public void MalformedRule_IsRefused()
    {
        var faults = new FaultSet();
        Assert.Throws<ArgumentException>(() => faults.Arm(new FaultRule { Name = " ", Path = "/x" }));
        Assert.Throws<ArgumentException>(() => faults.Arm(new FaultRule { Name = "a", Path = "x" }));
        Assert.Throws<ArgumentException>(() => faults.Arm(new FaultRule { Name = "a", Path = "/x", Times = 0 }));
        Assert.Throws<ArgumentException>(() => faults.Arm(new FaultRule { Name = "a", Path = "/x", StickPhase = true, Moment = FaultMoment.AfterHandling }));
        Assert.Empty(faults.Armed);
    }

    [Theory]
    [InlineData("/vms/*/backups", "/vms/1/backups", true)]
    [InlineData("/vms/*/backups", "/vms/1/backups/2", false)]
    [InlineData("/vms/**", "/vms/1/backups/2", true)]
    [InlineData("/vms/**", "/vms", true)]
    [InlineData("/images/*", "/images/1/extents", false)]
    [InlineData("/images/*/extents", "/images/1/extents", true)]
    public void Pattern_MatchesSegments(string pattern, string path, bool expected)
    {
        var faults = new FaultSet();
        faults.Arm(new FaultRule { Name = "x", Path = pattern });
        Assert.Equal(expected, faults.Strike(FaultMoment.BeforeHandling, "GET", path).Count == 1);
        Assert.Empty(faults.Strike(FaultMoment.AfterHandling, "GET", path));
    }

    private static async Task<List<string>> TagsAsync(ApiFixture api) =>
        [.. (await api.GetAsync("tags"))["tag"]!.AsArray().Select(t => t!["name"]!.GetValue<string>())];
}
