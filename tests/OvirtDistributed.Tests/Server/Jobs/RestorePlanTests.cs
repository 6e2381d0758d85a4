// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>What <c>ovd plan restore</c> answers, that it changes nothing, and that a plan which does not hold any more is refused; networks and MAC addresses.</summary>
[Collection(PostgresTests.Name)]
public sealed class RestorePlanTests(PostgresServer postgres)
{
    private const string Mac = "56:6f:1a:2b:00:01";

    [Fact]
    public async Task Plan_SaysEverythingAndIsApplied()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site, disk => disk with { Format = "raw", IncrementalEnabled = false });
        site.Engine.Calls.Clear();

        var planned = await PlanAsync(site, Request(point) with { StorageDomain = "iscsi1" });

        Assert.Empty(planned.Plan.Problems);
        var disk = Assert.Single(planned.Plan.Disks);
        Assert.Equal(("iscsi1", "raw", false, disk.Disk.Root.DiskSize), (disk.Domain.Name, disk.Plan.Format, disk.Plan.Sparse, disk.WriteBytesAtMost));
        Assert.Contains(planned.Plan.Notes, note => note.Contains("preallocated", StringComparison.Ordinal));
        Assert.Contains(PlannedRestoreCalls.Of(planned.Subject.Details, planned.Plan), call => call.StartsWith("POST imagetransfers (upload", StringComparison.Ordinal));
        Assert.All(site.Engine.Calls, call => Assert.Matches("^(Find|List|Read)", call));

        // Planned twice it is the same plan; its first characters are enough.
        Assert.Equal(planned.Digest, (await PlanAsync(site, Request(point) with { StorageDomain = "iscsi1" })).Digest);
        var job = await site.RunToEndAsync(await site.Get<RestorePreview>().ApplyAsync(planned.Digest[..8], ofOneDisk: false, lossAccepted: false, "", TestSite.Token)).WithinDeadline();
        Assert.Equal(("restored", JobOutcome.Succeeded), (job.Restore!.NewName, job.Outcome));
        Assert.False(Assert.Single(site.Engine.Disks.Values).Sparse);
    }

    [Fact]
    public async Task NameThatIsTaken_IsRefusedWithTheVmAndTheWaysOut()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var vm = site.Engine.Vms.Values.Single(candidate => candidate.Name == "vm");
        var other = site.AddVm("other");

        var refused = await Assert.ThrowsAsync<OperatorException>(() => PlanAsync(site, Request(point) with { Name = "VM" }));
        Assert.Equal(
            (FailureKind.AlreadyExists, $"name 'VM': manager manager has VM vm ({vm.Id}) already: choose another name (--name), or restore over that VM, which the restore point is of (--overwrite)."),
            (refused.Kind, refused.Message));
        refused = await Assert.ThrowsAsync<OperatorException>(() => PlanAsync(site, Request(point) with { Name = "other" }));
        Assert.EndsWith($"has VM other ({other.Id}) already: choose another name (--name).", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RunningVm_IsEitherInTheWayOrPoweredOffNeverBoth(bool powerOff)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var vm = site.Engine.Vms.Values.Single(candidate => candidate.Name == "vm");
        site.Engine.Vms[vm.Id] = vm with { Status = "up" };

        var wire = RestorePlanMessages.ToWire(await PlanAsync(site, new RestoreRequest { Point = point[..8], Scope = RestoreScope.Overwrite, PowerOff = powerOff }));

        Assert.Equal(powerOff ? 0 : 1, wire.Refusals.Count);
        Assert.Equal(powerOff, wire.Notes.Contains("VM vm is up and is powered off, hard, as the first thing"));
        Assert.Equal(powerOff, wire.Calls.Contains($"POST vms/{vm.Id}/stop"));
    }

    [Fact]
    public async Task InventoryDriftedSinceThePlan_IsRefusedWithWhatChanged()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        AddNetworks(site, "blue", "green");
        var point = await BackedUpAsync(site, nics: [Nic(site, "blue")]);
        var planned = await PlanAsync(site, Request(point) with { Networks = new Dictionary<string, string> { ["blue"] = "green" } });

        var inventory = site.Engine.Inventory;
        site.Engine.Inventory = inventory with
        {
            StorageDomains = [.. inventory.StorageDomains.Select(domain => domain.Id == site.FileDomainId ? domain with { StorageType = "iscsi", Name = "renamed" } : domain)],
        };
        var refused = await ApplyRefusedAsync(site, planned.Digest);
        Assert.Equal(FailureKind.Conflict, refused.Kind);
        Assert.Contains("disk vm_disk1: storage domain: was nfs1", refused.Message, StringComparison.Ordinal);
        Assert.Contains("is renamed", refused.Message, StringComparison.Ordinal);

        // What is gone altogether is said as well.
        site.Engine.Inventory = inventory with { VnicProfiles = [.. inventory.VnicProfiles.Where(profile => profile.Name != "green")] };
        refused = await ApplyRefusedAsync(site, planned.Digest);
        Assert.Contains("green", refused.Message, StringComparison.Ordinal);

        site.Engine.Inventory = inventory;
        Assert.NotEqual(Guid.Empty, await site.Get<RestorePreview>().ApplyAsync(planned.Digest, ofOneDisk: false, lossAccepted: false, "", TestSite.Token));
    }

    [Fact]
    public async Task PlanNobodyMade_IsNotFound()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();

        var refused = await ApplyRefusedAsync(site, "abcd");

        Assert.Equal(FailureKind.NotFound, refused.Kind);
        Assert.Contains("ovd plan restore", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task KeptMacThatAVmHas_IsRefusedWithItsNameAndANewOneForItWorks()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        AddNetworks(site, "blue");
        var point = await BackedUpAsync(site, nics: [Nic(site, "blue"), Nic(site, "blue") with { Name = "nic2", Mac = "56:6f:1a:2b:00:02" }]);
        var original = site.Engine.Vms.Values.Single(vm => vm.Name == "vm");
        site.Engine.Vms.Remove(original.Id);
        var other = site.AddVm("other");
        site.Engine.Vms[other.Id] = other with { Nics = [new EngineNic { Name = "nic7", Mac = Mac.ToUpperInvariant() }] };
        await site.ReadInventoryAsync();
        var request = Request(point) with { Nics = NicChoice.KeepMac };

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<RestoreAdmission>().AdmitAsync(request, TestSite.Token));
        Assert.Contains($"MAC address {Mac} of NIC nic1 cannot be kept: VM other has it", refused.Message, StringComparison.Ordinal);
        Assert.Contains("--mac nic1=new", refused.Message, StringComparison.Ordinal);
        var planned = await PlanAsync(site, request);
        Assert.Equal(("", "other"), (planned.Digest, Assert.Single(planned.Plan.Collisions).Vm));

        var admitted = await site.Get<RestoreAdmission>().AdmitAsync(request with { NicMacs = new Dictionary<string, string> { ["nic1"] = "new" } }, TestSite.Token);
        var job = await site.RunToEndAsync(admitted).WithinDeadline();
        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.Equal([null, "56:6f:1a:2b:00:02"], site.Engine.Vms[job.Restore!.NewVmId!.Value].Nics.Select(nic => nic.Mac));
    }

    [Theory]
    [InlineData("blue", "nowhere", "networks[blue] 'nowhere'")]
    [InlineData("red", "none", "Network 'red' (--network) is not in the restore point: its NICs are on blue.")]
    public async Task NetworkThatIsNotThere_IsNamed(string from, string to, string message)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        AddNetworks(site, "blue");
        var point = await BackedUpAsync(site, nics: [Nic(site, "blue")]);

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<RestoreAdmission>().AdmitAsync(
            Request(point) with { Networks = new Dictionary<string, string> { [from] = to } }, TestSite.Token));

        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NetworkIsGone_IsRefusedUntilItIsMapped()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        AddNetworks(site, "blue");
        var point = await BackedUpAsync(site, nics: [Nic(site, "blue")]);
        site.Engine.Inventory = site.Engine.Inventory with { Networks = [], VnicProfiles = [] };
        await site.ReadInventoryAsync();

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<RestoreAdmission>().AdmitAsync(Request(point), TestSite.Token));
        Assert.Contains("Network 'blue' has no counterpart", refused.Message, StringComparison.Ordinal);
        Assert.Contains("--network blue=none", refused.Message, StringComparison.Ordinal);

        var job = await site.RunToEndAsync(await site.Get<RestoreAdmission>().AdmitAsync(
            Request(point) with { Networks = new Dictionary<string, string> { ["blue"] = "none" } }, TestSite.Token)).WithinDeadline();
        Assert.Null(Assert.Single(site.Engine.Vms[job.Restore!.NewVmId!.Value].Nics).VnicProfileId);
    }

    [Fact]
    public async Task PlanOfOneDisk_NamesItsVmAndCallsAndIsAppliedOnlyAsThat()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var target = site.AddVm("target");
        await site.ReadInventoryAsync();
        site.Engine.Calls.Clear();
        var request = new RestoreRequest { Point = point[..8], Scope = RestoreScope.Disk, Vm = "target", StorageDomain = "iscsi1" };

        var planned = await PlanAsync(site, request);

        Assert.Empty(planned.Plan.Problems);
        Assert.All(site.Engine.Calls, call => Assert.Matches("^(Find|List|Read)", call));
        Assert.Equal(
            ["POST disks", "POST imagetransfers", "POST imagetransfers/ID/finalize", $"POST vms/{target.Id}/diskattachments", "PUT disks/ID"],
            PlannedRestoreCalls.Of(planned.Subject.Details, planned.Plan).Select(call => call.Split(" (")[0]));

        var refused = await ApplyRefusedAsync(site, planned.Digest);
        Assert.Contains("ovd restore disk --plan", refused.Message, StringComparison.Ordinal);
        var job = await site.RunToEndAsync(await site.Get<RestorePreview>().ApplyAsync(planned.Digest[..8], ofOneDisk: true, lossAccepted: false, "", TestSite.Token)).WithinDeadline();
        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        Assert.Equal(2, site.Engine.Vms[target.Id].Disks.Count);
    }

    [Fact]
    public async Task PlanInPlace_SaysWhatIsWrittenAndLostAndIsRefusedAfterTheVmWasStarted()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        await site.AddWorkerVmAsync();
        await site.ReadInventoryAsync();
        var vm = site.Engine.Vms.Values.Single(candidate => candidate.Name == "vm");
        var request = new RestoreRequest { Point = point[..8], Scope = RestoreScope.InPlace, Vm = "vm", SafetyPoint = false };

        var planned = await PlanAsync(site, request);

        Assert.Empty(planned.Plan.Problems);
        var wire = RestorePlanMessages.ToWire(planned);
        Assert.Equal((vm.Disks[0].SizeBytes, "disk-attachment"), (wire.WriteBytesAtMost, wire.TransportMode));
        Assert.Contains(wire.Notes, note => note.StartsWith("no safety point is made", StringComparison.Ordinal));
        Assert.Contains(wire.Notes, note => note.Contains("next backup is a full one", StringComparison.Ordinal));
        Assert.Contains($"DELETE vms/{vm.Id}/diskattachments/{vm.Disks[0].Id} (detach only vm_disk1)", wire.Calls);
        Assert.Equal($"POST vms/{vm.Id}/diskattachments (vm_disk1, as it was)", wire.Calls[^1]);
        Assert.DoesNotContain(wire.Calls, call => call.StartsWith("POST disks", StringComparison.Ordinal) || call.StartsWith("DELETE disks", StringComparison.Ordinal));

        site.Engine.Vms[vm.Id] = vm with { Status = "up" };
        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<RestorePreview>().ApplyAsync(planned.Digest, ofOneDisk: true, lossAccepted: false, "", TestSite.Token));
        Assert.Equal(FailureKind.Conflict, refused.Kind);
        Assert.Contains("VM vm is up", refused.Message, StringComparison.Ordinal);
    }

    private static RestoreRequest Request(string point) => new() { Point = point[..8], Name = "restored" };

    private static Task<PreviewedRestore> PlanAsync(TestSite site, RestoreRequest request) => site.Get<RestorePreview>().PlanAsync(request, TestSite.Token);

    private static Task<OperatorException> ApplyRefusedAsync(TestSite site, string digest) =>
        Assert.ThrowsAsync<OperatorException>(() => site.Get<RestorePreview>().ApplyAsync(digest, ofOneDisk: false, lossAccepted: false, "", TestSite.Token));

    /// <summary>Each with one vNIC profile of its name.</summary>
    private static void AddNetworks(TestSite site, params string[] names)
    {
        var networks = names.Select(name => new EngineNetwork(Guid.NewGuid(), name, site.Engine.Inventory.DataCenters[0].Id)).ToList();
        site.Engine.Inventory = site.Engine.Inventory with
        {
            Networks = networks,
            VnicProfiles = [.. networks.Select(network => new EngineVnicProfile(Guid.NewGuid(), network.Name, network.Id))],
        };
    }

    private static EngineNic Nic(TestSite site, string network) => new()
    {
        Name = "nic1",
        Mac = Mac,
        Network = network,
        VnicProfile = network,
        VnicProfileId = site.Engine.Inventory.VnicProfiles.Single(profile => profile.Name == network).Id,
    };

    private static async Task<string> BackedUpAsync(TestSite site, Func<EngineDisk, EngineDisk>? change = null, IReadOnlyList<EngineNic>? nics = null)
    {
        var vm = site.AddVm("vm");
        site.Engine.Vms[vm.Id] = vm with { Disks = [.. vm.Disks.Select(change ?? (disk => disk))], Nics = nics ?? [] };
        return (await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline()).PointId!;
    }
}
