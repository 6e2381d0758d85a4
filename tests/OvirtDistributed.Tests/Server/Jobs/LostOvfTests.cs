// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>A pack with the OVF of a point is lost, the packs with its disks are not.</summary>
[Collection(PostgresTests.Name)]
public sealed class LostOvfTests(PostgresServer postgres)
{
    [Fact]
    public async Task VmIsNotRestored_AndTheRefusalSaysWhatIsLostAndWhatIsNot()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);

        var refused = await Assert.ThrowsAsync<OperatorException>(
            () => AdmitAsync(site, new RestoreRequest { Point = point, Name = "again" })).WithinDeadline();

        Assert.Equal(FailureKind.DataDamaged, refused.Kind);
        Assert.Contains($"configuration (OVF) of VM vm in restore point {point} of repository repository is damaged", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"ovd restore disk {point} DISK", refused.Message, StringComparison.Ordinal);
        Assert.Contains("next backup", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ADiskOfIt_IsRestored()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        site.AddVm("target");
        await site.ReadInventoryAsync();

        var job = await site.RunToEndAsync(
            await AdmitAsync(site, new RestoreRequest { Point = point, Scope = RestoreScope.Disk, Disk = "vm_disk1", Vm = "target" })).WithinDeadline();

        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
    }

    private static Task<Guid> AdmitAsync(TestSite site, RestoreRequest request) => site.Get<RestoreAdmission>().AdmitAsync(request, TestSite.Token);

    private static async Task<string> BackedUpAsync(TestSite site)
    {
        var vm = site.AddVm("vm");
        var point = (await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline()).PointId!;
        site.Mover.LostBlobs = true;
        return point;
    }
}
