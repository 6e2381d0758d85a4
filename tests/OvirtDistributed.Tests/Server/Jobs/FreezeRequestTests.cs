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
    [Theory]
    [InlineData(ConsistencyRules.Freeze, TransportModes.Cbt, null, "consistency 'freeze'")]
    [InlineData(ConsistencyRules.Freeze, TransportModes.ImageTransfer, 4, "freeze_timeout '00:00:04'")]
    [InlineData(ConsistencyRules.Freeze, TransportModes.ImageTransfer, 601, "freeze_timeout '00:10:01'")]
    [InlineData(ConsistencyRules.Auto, TransportModes.ImageTransfer, 60, "it needs consistency freeze")]
    public async Task WhatCannotWork_IsRefusedWithItsField(string rule, string mode, int? seconds, string text)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.AddVm("vm", status: "up");
        await site.ReadInventoryAsync();

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<JobAdmission>().AdmitBackupAsync(RequestOf(rule, mode, seconds), TestSite.Token));

        Assert.Contains(text, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("up", TransportModes.ImageTransfer, 1)]
    [InlineData("down", TransportModes.Cbt, 0)]
    public async Task Plan_ShowsFreezeAndThawAroundTheSnapshot(string status, string mode, int times)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: status);
        await site.ReadInventoryAsync();

        var plan = Assert.Single((await site.Get<BackupPreview>().PlanAsync(RequestOf(ConsistencyRules.Freeze, TransportModes.Auto, 30), TestSite.Token)).Plans);

        Assert.Equal(("", mode), (plan.Refusal, plan.Request.TransportMode));
        var guest = plan.Calls.Where(call => call.Contains("filesystems", StringComparison.Ordinal)).ToList();
        Assert.Equal(2 * times, guest.Count);
        if (times > 0)
        {
            Assert.Equal($"POST vms/{vm.Id}/freezefilesystems", plan.Calls[0]);
            Assert.StartsWith($"POST vms/{vm.Id}/snapshots", plan.Calls[1], StringComparison.Ordinal);
            Assert.Contains("after 30 s at the latest", plan.Calls[2], StringComparison.Ordinal);
        }
    }

    private static BackupRequest RequestOf(string rule, string mode, int? seconds) => new(VmSelection.Of("vm"), "", "", Full: false, "", "")
    {
        TransportMode = mode,
        Consistency = rule,
        FreezeTimeout = seconds is { } given ? TimeSpan.FromSeconds(given) : null,
    };
}
