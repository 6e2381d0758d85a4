// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api.Resources;

/// <summary>The entry point of the API, and small collections whose content is fixed.</summary>
internal static class RootResource
{
    private static readonly Guid AdminId = new("00000018-0018-0018-0018-000000000122");
    private static readonly Guid SuperUserRole = new("00000000-0000-0000-0000-000000000001");

    private static readonly string[] Collections =
    [
        "affinitylabels", "clusters", "datacenters", "diskprofiles", "disks", "events", "hosts", "imagetransfers", "jobs", "macpools",
        "networks", "operatingsystems", "permissions", "roles", "storagedomains", "tags", "templates", "users", "vms", "vnicprofiles",
    ];

    private static readonly (int Id, string Name, string Description)[] OperatingSystems =
    [
        (0, "other", "Other OS"),
        (5, "other_linux", "Linux"),
        (30, "rhel_8x64", "Red Hat Enterprise Linux 8.x x64"),
        (33, "rhel_9x64", "Red Hat Enterprise Linux 9.x x64"),
        (1300, "debian_9", "Debian 9+"),
        (31, "windows_2019x64", "Windows 2019 x64"),
    ];

    public static void Map(ApiRouter router, EngineCommands commands)
    {
        router
            .Map("GET", "/", _ => ApiReply.Ok(Root(commands)))
            .Map("GET", "/operatingsystems", r => Listing.All(r, "operating_systems", OperatingSystems, OperatingSystem))
            .Map("GET", "/users", r => Listing.All(r, "users", [commands.Engine.Options.User], User))
            .Map("GET", "/users/*", _ => ApiReply.Ok(User(commands.Engine.Options.User)))
            .Map("GET", "/roles", r => Listing.All(r, "roles", [SuperUserRole], Role))
            .Map("GET", "/roles/*", _ => ApiReply.Ok(Role(SuperUserRole)))
            .Map("GET", "/permissions", r => Permissions(r, null));
        foreach (var owner in new[] { "vms", "clusters", "datacenters", "storagedomains", "disks", "networks", "templates", "vnicprofiles" })
        {
            router.Map("GET", $"/{owner}/*/permissions", r => Permissions(r, $"{owner}/{r.Captures[0]}"));
        }
    }

    private static ApiReply Permissions(ApiRequest request, string? owner) =>
        Listing.All(request, "permissions", [AdminId], id => new WireNode("permission")
            .Attr("href", $"{ApiPaths.Root}/{(owner is null ? string.Empty : owner + "/")}permissions/{id}")
            .Attr("id", id.ToString())
            .AddReference("role", SuperUserRole, "roles")
            .AddReference("user", AdminId, "users"));

    private static WireNode User(string name) =>
        new WireNode("user").Attr("href", $"{ApiPaths.Root}/users/{AdminId}").Attr("id", AdminId.ToString())
            .Add("name", name.Split('@')[0])
            .Add("user_name", name)
            .Add("principal", name.Split('@')[0]);

    private static WireNode Role(Guid id) =>
        new WireNode("role").Attr("href", $"{ApiPaths.Root}/roles/{id}").Attr("id", id.ToString())
            .Add("name", "SuperUser")
            .Add("administrative", true)
            .Add("mutable", false);

    private static WireNode OperatingSystem((int Id, string Name, string Description) os)
    {
        // Their ids are numbers, shown in the form of a UUID.
        var id = Guid.Parse($"00000000-0000-0000-0000-{os.Id.ToString("x12", CultureInfo.InvariantCulture)}");
        return new WireNode("operating_system").Attr("href", $"{ApiPaths.Root}/operatingsystems/{id}").Attr("id", id.ToString())
            .Add("name", os.Name)
            .Add("description", os.Description)
            .Add("architecture", "x86_64");
    }

    private static WireNode Root(EngineCommands commands)
    {
        var state = commands.State;
        var options = commands.Engine.Options;
        var version = options.EngineVersion.Split('.', '-');
        var root = new WireNode("api");
        foreach (var collection in Collections)
        {
            root.AddLink(collection, $"{ApiPaths.Root}/{collection}");
        }

        return root
            .Add(new WireNode("product_info")
                .Add("name", "oVirt Engine")
                .Add("vendor", "ovirt.org")
                .Add(new WireNode("version")
                    .Add("build", version[2])
                    .Add("full_version", options.EngineVersion)
                    .Add("major", version[0])
                    .Add("minor", version[1])
                    .Add("revision", "0")))
            .Add(new WireNode("special_objects")
                .AddReference("blank_template", EngineState.BlankTemplateId, "templates")
                .AddReference("root_tag", Guid.Empty, "tags"))
            .Add(new WireNode("summary")
                .Add(Count("hosts", state.Hosts.Values, h => h.Status == "up"))
                .Add(Count("storage_domains", state.StorageDomains.Values, d => d.Status == "active"))
                .Add(Count("users", [options.User], _ => true))
                .Add(Count("vms", state.Vms.Values, v => !v.IsDown)))
            .AddDate("time", commands.Engine.Now)
            .AddReference("authenticated_user", AdminId, "users")
            .AddReference("effective_user", AdminId, "users");
    }

    private static WireNode Count<T>(string name, ICollection<T> entities, Func<T, bool> active) =>
        new WireNode(name).Add("active", entities.Count(active)).Add("total", entities.Count);
}
