// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Trust;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Settings;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Tests.Simulator.Api;
using Xunit;

namespace OvirtDistributed.Tests.Server.Settings;

/// <summary>Settings over the API of a simulated manager: what is read is what an administrator set, and what is restored is what was read.</summary>
public sealed class SettingsOnManagerTests
{
    [Fact]
    public async Task EverySetting_IsReadAndGivenToAnotherVm()
    {
        await using var site = await Site.StartAsync();
        var saved = await site.SaveAsync(await site.DressAsync("a2"));
        Assert.True(saved.Initialization!.HasPassword);
        Assert.DoesNotContain(saved.Initialization.Values, pair => pair.Value.Contains("hunter2", StringComparison.Ordinal) || pair.Value.Contains("***", StringComparison.Ordinal));

        var target = await site.Api.VmAsync("a1copy");
        var plan = await site.PlanAsync(saved, "ClusterA");
        var outcomes = await site.RestoreAsync(target, "ClusterA", plan);

        Assert.Equal(["initialization password"], outcomes.Where(outcome => !outcome.Restored).Select(outcome => outcome.Name));
        var restored = await site.SaveAsync(target);
        Assert.All(SettingTable.All, setting => Assert.True(setting.Holds(saved, restored), $"{setting.Name}: {setting.Describe(saved)} became {setting.Describe(restored)}"));
        Assert.All(SettingTable.All.Where(setting => setting.Name is not "type" and not "CPU model" and not "emulated machine"), setting => Assert.True(setting.IsSet(saved), setting.Name));
        Assert.Equal(["web-apart"], restored.AffinityGroups.Select(group => group.Name));
        Assert.Equal(["ssd"], restored.AffinityLabels);
        Assert.False(restored.DeleteProtected); // left to the end of the restore
        Assert.True(saved.DeleteProtected);

        // Once more, as after a restart in the middle: nothing is refused for being there already, and no secret was put back as asterisks.
        Assert.Equal(outcomes, await site.RestoreAsync(target, "ClusterA", plan));
        Assert.Null((await site.Api.GetAsync($"vms/{target}"))["initialization"]!["root_password"]);
    }

    [Fact]
    public async Task AnotherCluster_RefusalsAreReportedOneByOneAndCostNothingElse()
    {
        await using var site = await Site.StartAsync();
        var saved = await site.SaveAsync(await site.DressAsync("a2")) with
        {
            Cdrom = Guid.NewGuid().ToString(),
            CustomProperties = [new VmProperty("sap_agent", "true"), new VmProperty("no_such_hook", "1")],
        };
        var target = await site.Api.VmAsync("b2");

        var plan = await site.PlanAsync(saved, "ClusterB");
        var outcomes = (await site.RestoreAsync(target, "ClusterB", plan)).ToDictionary(outcome => outcome.Name);

        Assert.Equal("not in cluster ClusterB; create it or restore with --create-affinity-groups", outcomes["affinity group web-apart"].Reason);
        Assert.Contains("not in cluster ClusterB", outcomes["placement"].Reason, StringComparison.Ordinal);
        Assert.Contains("no_such_hook: the manager does not take it", outcomes["custom properties"].Reason, StringComparison.Ordinal);
        Assert.Contains("disc image", outcomes["CD-ROM"].Reason, StringComparison.Ordinal);
        Assert.Equal(
            ["CD-ROM", "affinity group web-apart", "custom properties", "initialization password", "placement"],
            outcomes.Values.Where(outcome => !outcome.Restored).Select(outcome => outcome.Name).Order(StringComparer.Ordinal));
        var restored = await site.SaveAsync(target);
        Assert.Equal([new VmProperty("sap_agent", "true")], restored.CustomProperties);
        Assert.Equal((saved.Lease, saved.HighAvailability), (restored.Lease, restored.HighAvailability));
        Assert.Empty(restored.AffinityGroups);
    }

    [Fact]
    public async Task MissingGroup_IsMadeAsItWasWhenAsked()
    {
        await using var site = await Site.StartAsync();
        var saved = await site.SaveAsync(await site.DressAsync("a2"));
        var target = await site.Api.VmAsync("b2");

        var outcomes = await site.RestoreAsync(target, "ClusterB", await site.PlanAsync(saved, "ClusterB", createGroups: true));

        Assert.True(Assert.Single(outcomes, outcome => outcome.Name == "affinity group web-apart").Restored);
        var (before, now) = (Assert.Single(saved.AffinityGroups), Assert.Single((await site.SaveAsync(target)).AffinityGroups));
        Assert.Equal((before.VmsRule, before.Description, decimal.Parse(before.Priority, CultureInfo.InvariantCulture)), (now.VmsRule, now.Description, decimal.Parse(now.Priority, CultureInfo.InvariantCulture)));
        Assert.Empty(now.Hosts); // those of the other cluster
    }

    [Fact]
    public async Task TheManagersChecks_AreThoseOfAnEngine()
    {
        await using var site = await Site.StartAsync();
        var vm = await site.Api.VmAsync("b2");
        var group = (await site.Api.PostOkAsync($"clusters/{await site.Api.IdAsync("clusters", "ClusterA")}/affinitygroups", new { name = "g" }))["href"]!.GetValue<string>();
        var domain = await site.Api.IdAsync("storagedomains", "nfs1");

        await site.Api.AssertFaultAsync(HttpMethod.Post, $"{group[group.IndexOf("clusters", StringComparison.Ordinal)..]}/vms", new { id = vm }, HttpStatusCode.Conflict, "do not belong to the cluster");
        await site.Api.AssertFaultAsync(HttpMethod.Put, $"vms/{vm}", new { lease = new { storage_domain = new { id = domain } } }, HttpStatusCode.Conflict, "highly available");
        await site.Api.AssertFaultAsync(HttpMethod.Put, $"vms/{vm}/cdroms/{Guid.Empty}", new { file = new { id = "none.iso" } }, HttpStatusCode.Conflict, "disc image");
    }

    private sealed class Site : IAsyncDisposable
    {
        private static readonly VmModel Stopped = new("a1copy", [new DiskModel(1 << 20)]);
        private readonly OvirtEngineClient _client;

        private Site(ApiFixture api)
        {
            Api = api;
            _client = new OvirtEngineClientFactory(TimeProvider.System, NullLoggerFactory.Instance).Create(new EngineConnection
            {
                ApiUrl = api.ApiUrl,
                User = api.Options.User,
                Password = new Secret(api.Options.Password),
                Trust = TlsTrust.Pinned(api.CaPem),
            });
            Engine = new OvirtEngine(_client);
        }

        public ApiFixture Api { get; }

        private OvirtEngine Engine { get; }

        private static CancellationToken Token => TestContext.Current.CancellationToken;

        public static async Task<Site> StartAsync()
        {
            var model = SimulatorModel.TwoClusters;
            var dataCenter = model.DataCenters[0];
            var first = dataCenter.Clusters[0];
            return new Site(await ApiFixture.StartAsync(model with
            {
                DataCenters = [dataCenter with { Clusters = [first with { Vms = [.. first.Vms, Stopped] }, .. dataCenter.Clusters.Skip(1)] }],
            }));
        }

        /// <summary>Sets everything there is to set, as an administrator would, and answers the VM's id.</summary>
        public async Task<Guid> DressAsync(string name)
        {
            var vm = await Api.VmAsync(name);
            var host = await Api.HostOfAsync("ClusterA");
            var domain = await Api.IdAsync("storagedomains", "nfs1");
            await Api.PutOkAsync($"vms/{vm}", new
            {
                comment = "ask Ann first",
                delete_protected = "true",
                bios = new { type = "q35_ovmf", boot_menu = new { enabled = "true" } },
                os = new { boot = new { devices = new { device = new[] { "network", "hd" } } } },
                tpm_enabled = "true",
                time_zone = new { name = "Etc/GMT" },
                high_availability = new { enabled = "true", priority = "50" },
                lease = new { storage_domain = new { id = domain } },
                placement_policy = new { affinity = "user_migratable", hosts = new { host = new[] { new { id = host } } } },
                custom_properties = new { custom_property = new[] { new { name = "sap_agent", value = "true" }, new { name = "sndbuf", value = "10" } } },
                rng_device = new { source = "hwrng", rate = new { bytes = "1024", period = "1000" } },
                initialization = new
                {
                    host_name = "web-1",
                    user_name = "root",
                    root_password = "hunter2",
                    custom_script = "write_files:\n- path: /etc/motd\n",
                    nic_configurations = new
                    {
                        nic_configuration = new[]
                        {
                            new { name = "eth0", on_boot = "true", boot_protocol = "static", ip = new { address = "192.0.2.5", netmask = "255.255.255.0", gateway = "192.0.2.1" } },
                        },
                    },
                },
            });
            await Api.PostOkAsync($"vms/{vm}/watchdogs", new { model = "i6300esb", action = "reset" });
            await Api.PostOkAsync($"vms/{vm}/graphicsconsoles", new { protocol = "spice" });
            await Api.PutOkAsync($"vms/{vm}/cdroms/{Guid.Empty}", new { file = new { id = await IsoAsync() } });
            var label = (await Api.PostOkAsync("affinitylabels", new { name = "ssd" }))["id"]!.GetValue<string>();
            await Api.PostOkAsync($"affinitylabels/{label}/vms", new { id = vm });
            var cluster = await Api.IdAsync("clusters", "ClusterA");
            var group = await Api.PostOkAsync($"clusters/{cluster}/affinitygroups", new
            {
                name = "web-apart",
                description = "never on one host",
                priority = "2.5",
                vms_rule = new { enabled = "true", enforcing = "true", positive = "false" },
                hosts_rule = new { enabled = "true", enforcing = "false", positive = "true" },
                hosts = new { host = new[] { new { id = host } } },
            });
            await Api.PostOkAsync($"clusters/{cluster}/affinitygroups/{group["id"]}/vms", new { id = vm });
            return vm;
        }

        /// <summary>Of the VM as a restore point would keep it, without the names that the inventory adds.</summary>
        public async Task<VmMetadata> SaveAsync(Guid vmId)
        {
            var metadata = (await Engine.FindMetadataAsync(vmId, Token).WithinDeadline())!;
            var vm = (await Engine.FindVmAsync(vmId, Token).WithinDeadline())!;
            var groups = await Engine.ListAffinityGroupsAsync(vm.ClusterId, Token).WithinDeadline();
            return metadata with { AffinityGroups = [.. groups.Where(group => group.Vms.Contains(vmId)).Select(group => group.Group)] };
        }

        public async Task<SettingsPlan> PlanAsync(VmMetadata saved, string clusterName, bool createGroups = false)
        {
            var inventory = await Engine.ReadInventoryAsync(Token).WithinDeadline();
            var cluster = inventory.Clusters.Single(candidate => candidate.Name == clusterName);
            return SettingsPlanner.Plan(saved, [], new SettingsTarget(cluster, SameManager: true)
            {
                Hosts = [.. inventory.Hosts.Where(host => host.ClusterId == cluster.Id)],
                Domains = inventory.StorageDomains,
                Groups = await Engine.ListAffinityGroupsAsync(cluster.Id, Token).WithinDeadline(),
                Labels = [.. (await Engine.ListAffinityLabelsAsync(Token).WithinDeadline()).Select(label => label.Name)],
                CreateAffinityGroups = createGroups,
            });
        }

        public async Task<IReadOnlyList<SettingOutcome>> RestoreAsync(Guid vm, string cluster, SettingsPlan plan)
        {
            var clusterId = Guid.Parse(await Api.IdAsync("clusters", cluster));
            return (await new SettingsRestore(Engine, vm, clusterId, Guid.NewGuid(), gaveUp: false).RunAsync(plan, Token).WithinDeadline())!;
        }

        public async ValueTask DisposeAsync()
        {
            await _client.DisposeAsync();
            await Api.DisposeAsync();
        }

        private async Task<string> IsoAsync()
        {
            var disk = await Api.PostOkAsync("disks", new
            {
                name = "installer.iso",
                content_type = "iso",
                format = "raw",
                provisioned_size = "1048576",
                storage_domains = new { storage_domain = new[] { new { name = "nfs1" } } },
            });
            return disk["id"]!.GetValue<string>();
        }
    }
}
