// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>What of a request for a frozen guest is refused, and what its plan shows.</summary>
[Collection(PostgresTests.Name)]
public sealed class FreezeRequestTests(PostgresServer postgres)
{
    [Fact]
    public async Task WhatCannotWork_IsRefusedWithItsField()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.AddVm("vm", status: "up");
        await site.ReadInventoryAsync();
        foreach (var (rule, mode, seconds, text) in new (string, string, int?, string)[]
        {
            (ConsistencyRules.Freeze, TransportModes.Cbt, null, "consistency 'freeze'"),
            (ConsistencyRules.Freeze, TransportModes.ImageTransfer, 4, "freeze_timeout '00:00:04'"),
            (ConsistencyRules.Freeze, TransportModes.ImageTransfer, 601, "freeze_timeout '00:10:01'"),
            (ConsistencyRules.Auto, TransportModes.ImageTransfer, 60, "it needs consistency freeze"),
        })
        {
            var refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<JobAdmission>().AdmitBackupAsync(RequestOf(rule, mode, seconds), TestSite.Token));
            Assert.Contains(text, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Plan_ShowsFreezeAndThawAroundTheSnapshotOfAVmThatRuns()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        await site.ReadInventoryAsync();

        var up = await PlanAsync(site);
        site.Engine.Vms[vm.Id] = vm with { Status = "down" };
        var down = await PlanAsync(site);

        Assert.Equal(("", TransportModes.ImageTransfer), (up.Refusal, up.Request.TransportMode));
        Assert.Equal($"POST vms/{vm.Id}/freezefilesystems", up.Calls[0]);
        Assert.StartsWith($"POST vms/{vm.Id}/snapshots", up.Calls[1], StringComparison.Ordinal);
        Assert.StartsWith($"POST vms/{vm.Id}/thawfilesystems", up.Calls[2], StringComparison.Ordinal);
        Assert.Contains("after 30 s at the latest", up.Calls[2], StringComparison.Ordinal);
        Assert.Equal(("", TransportModes.Cbt), (down.Refusal, down.Request.TransportMode));
        Assert.DoesNotContain(down.Calls, call => call.Contains("filesystems", StringComparison.Ordinal));
    }

    private static async Task<PreviewedBackup> PlanAsync(TestSite site) =>
        Assert.Single((await site.Get<BackupPreview>().PlanAsync(RequestOf(ConsistencyRules.Freeze, TransportModes.Auto, 30), TestSite.Token)).Plans);

    private static BackupRequest RequestOf(string rule, string mode, int? seconds) => new(VmSelection.Of("vm"), "", "", Full: false, "", "")
    {
        TransportMode = mode,
        Consistency = rule,
        FreezeTimeout = seconds is { } given ? TimeSpan.FromSeconds(given) : null,
    };
}
