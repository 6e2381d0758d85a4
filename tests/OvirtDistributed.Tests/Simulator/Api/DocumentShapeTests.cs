// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using OvirtDistributed.Simulator;
using OvirtDistributed.Simulator.Wire;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Api;

public sealed class DocumentShapeTests
{
    private const string EmptyList = "{}";

    [Fact]
    public async Task ListInJson_IsAnObjectWithOneArrayUnderTheSingularName()
    {
        await using var api = await ApiFixture.StartAsync();
        var reply = await api.GetAsync("vms");
        Assert.Equal(["vm"], reply.AsObject().Select(p => p.Key));
        Assert.Equal(3, reply["vm"]!.AsArray().Count);
    }

    [Fact]
    public async Task EmptyListInJson_IsAnEmptyObject()
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        Assert.Equal(EmptyList, (await api.GetAsync("vms")).ToJsonString());
        Assert.Equal(EmptyList, (await api.GetAsync("imagetransfers")).ToJsonString());
    }

    [Fact]
    public async Task ScalarsInJson_AreStrings_AndDatesAreMilliseconds()
    {
        await using var api = await ApiFixture.StartAsync();
        var vm = await api.GetAsync($"vms/{await api.VmAsync("web")}");
        Assert.Equal("1073741824", vm["memory"]!.GetValue<string>());
        Assert.Equal("false", vm["delete_protected"]!.GetValue<string>());
        Assert.Equal("1", vm["cpu"]!["topology"]!["cores"]!.GetValue<string>());
        var created = DateTimeOffset.FromUnixTimeMilliseconds(vm["creation_time"]!.GetValue<long>());
        Assert.InRange(created, DateTimeOffset.UnixEpoch.AddYears(50), DateTimeOffset.MaxValue);
        Assert.Contains(vm["link"]!.AsArray(), l => l!["rel"]!.GetValue<string>() == "diskattachments");
        Assert.NotNull(vm["actions"]!["link"]);
    }

    [Fact]
    public async Task ElementInXml_HasIdAndHrefAsAttributes_AndIsoDates()
    {
        await using var api = await ApiFixture.StartAsync();
        var id = await api.VmAsync("web");
        var vm = await api.GetXmlAsync($"vms/{id}");
        Assert.Equal("vm", vm.Name.LocalName);
        Assert.Equal(id.ToString(), vm.Attribute("id")!.Value);
        Assert.Equal($"/ovirt-engine/api/vms/{id}", vm.Attribute("href")!.Value);
        Assert.Equal("1073741824", vm.Element("memory")!.Value);
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$", vm.Element("creation_time")!.Value);
        Assert.NotNull(vm.Element("cluster")!.Attribute("id"));
        Assert.Equal("vms", (await api.GetXmlAsync("vms")).Name.LocalName);
    }

    [Fact]
    public async Task XmlAndJson_CarryTheSameDisk()
    {
        await using var api = await ApiFixture.StartAsync();
        var id = (await api.DisksOfAsync("db"))[1];
        var json = await api.GetAsync($"disks/{id}");
        var xml = await api.GetXmlAsync($"disks/{id}");
        foreach (var name in new[] { "alias", "format", "sparse", "provisioned_size", "status", "backup", "image_id", "content_type", "storage_type" })
        {
            Assert.Equal(xml.Element(name)!.Value, json[name]!.GetValue<string>());
        }

        Assert.Equal(
            xml.Element("storage_domains")!.Element("storage_domain")!.Attribute("id")!.Value,
            json["storage_domains"]!["storage_domain"]![0]!["id"]!.GetValue<string>());
    }

    [Fact]
    public async Task Fault_HasReasonAndDetailInBothFormats()
    {
        await using var api = await ApiFixture.StartAsync();
        var (status, fault) = await api.PostAsync("disks", new { format = "cow" });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("Incomplete parameters", fault!["reason"]!.GetValue<string>());
        using var request = new HttpRequestMessage(HttpMethod.Post, "disks") { Content = new StringContent("<disk><format>cow</format></disk>", null, "application/xml") };
        request.Headers.Accept.ParseAdd("application/xml");
        using var response = await api.Client.SendAsync(request, ApiFixture.Token);
        var xml = System.Xml.Linq.XElement.Parse(await response.Content.ReadAsStringAsync(ApiFixture.Token));
        Assert.Equal("fault", xml.Name.LocalName);
        Assert.Equal("Disk [provisionedSize] required for add", xml.Element("detail")!.Value);
    }

    [Fact]
    public async Task VersionPrefixAndHeader_SelectVersionFourOnly()
    {
        await using var api = await ApiFixture.StartAsync();
        Assert.NotNull(await api.GetAsync("v4/vms"));
        Assert.Equal(HttpStatusCode.BadRequest, (await api.SendAsync(HttpMethod.Get, "v3/vms")).Status);
        using var request = new HttpRequestMessage(HttpMethod.Get, "vms");
        request.Headers.Add("Version", "5");
        using var response = await api.Client.SendAsync(request, ApiFixture.Token);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task Root_TellsProductAndSummary()
    {
        await using var api = await ApiFixture.StartAsync();
        var root = await api.GetAsync(string.Empty);
        Assert.Equal("4.5.7-1.el9", root["product_info"]!["version"]!["full_version"]!.GetValue<string>());
        Assert.Equal("4", root["product_info"]!["version"]!["major"]!.GetValue<string>());
        Assert.Equal("3", root["summary"]!["vms"]!["total"]!.GetValue<string>());
        Assert.Contains(root["link"]!.AsArray(), l => l!["rel"]!.GetValue<string>() == "imagetransfers");
    }

    [Fact]
    public async Task CorrelationId_IsCleanedCutAndEchoed_OnJobsToo()
    {
        await using var api = await ApiFixture.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"vms/{await api.VmAsync("db")}/start") { Content = new StringContent("{}", null, "application/json") };
        request.Headers.Add("Correlation-Id", "abc/def-0123456789-0123456789-0123456789-tail");
        using var response = await api.Client.SendAsync(request, ApiFixture.Token);
        Assert.Equal(["abcdef-0123456789-0123456789-0123456"], response.Headers.GetValues("Correlation-Id"));
        var jobs = await api.GetAsync("jobs?search=correlation_id%3Dabcdef-0123456789-0123456789-0123456");
        Assert.Single(jobs["job"]!.AsArray());
    }

    [Fact]
    public async Task BlockingCreate_AnswersWith201WhenTheDiskIsReady()
    {
        await using var api = await ApiFixture.StartAsync();
        var body = new { name = "d", format = "cow", provisioned_size = 1048576, storage_domains = new { storage_domain = new[] { new { name = "nfs1" } } } };
        Assert.Equal(HttpStatusCode.Accepted, (await api.PostAsync("disks", body)).Status);
        using var request = new HttpRequestMessage(HttpMethod.Post, "disks") { Content = System.Net.Http.Json.JsonContent.Create(body) };
        request.Headers.Add("X-Ovirt-Expect", "201-created");
        using var response = await api.Client.SendAsync(request, ApiFixture.Token);
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        var disk = JsonNode.Parse(await response.Content.ReadAsStringAsync(ApiFixture.Token))!;
        Assert.Equal("ok", disk["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task NativeNumbersAndBooleans_AreUnderstood()
    {
        await using var api = await ApiFixture.StartAsync();
        var disk = await api.PostOkAsync("disks", """{"name":"n","format":"cow","sparse":true,"provisioned_size":1048576,"storage_domains":{"storage_domain":[{"name":"nfs1"}]}}""");
        Assert.Equal("1048576", disk["provisioned_size"]!.GetValue<string>());
        Assert.Equal("true", disk["sparse"]!.GetValue<string>());
    }

    [Fact]
    public async Task Follow_PutsNestedEntitiesIntoTheReply()
    {
        await using var api = await ApiFixture.StartAsync();
        var vm = await api.GetAsync($"vms/{await api.VmAsync("db")}?follow=disk_attachments.disk,nics,cluster");
        var attachments = vm["disk_attachments"]!["disk_attachment"]!.AsArray();
        Assert.Equal(2, attachments.Count);
        Assert.Equal("cow", attachments[0]!["disk"]!["format"]!.GetValue<string>());
        Assert.Equal("nic1", vm["nics"]!["nic"]![0]!["name"]!.GetValue<string>());
        Assert.Equal("Default", vm["cluster"]!["name"]!.GetValue<string>());
        var list = await api.GetAsync("vms?follow=nics");
        Assert.All(list["vm"]!.AsArray(), v => Assert.NotNull(v!["nics"]!["nic"]));
    }

    [Fact]
    public async Task AllContent_GivesAnOvfThatNamesTheDisks()
    {
        await using var api = await ApiFixture.StartAsync();
        var vm = await api.GetAsync($"vms/{await api.VmAsync("db")}?all_content=true");
        Assert.Equal("ovf", vm["initialization"]!["configuration"]!["type"]!.GetValue<string>());
        var ovf = System.Xml.Linq.XElement.Parse(vm["initialization"]!["configuration"]!["data"]!.GetValue<string>());
        Assert.Equal("http://schemas.dmtf.org/ovf/envelope/1/", ovf.Name.NamespaceName);
        var references = ovf.Element("References")!.Elements("File")
            .Select(f => f.Attribute(ovf.Name.Namespace + "href")!.Value.Split('/')[0]).ToList();
        Assert.Equal((await api.DisksOfAsync("db")).Select(d => d.ToString()), references);
    }

    [Theory]
    [InlineData("<a b='", true)]
    [InlineData("[1]", false)]
    [InlineData("{\"a\":", false)]
    public async Task UnreadableBody_IsTheClientsError(string body, bool xml)
    {
        await using var api = await ApiFixture.StartAsync(SimulatorModel.Empty);
        using var content = new StringContent(body, null, xml ? "application/xml" : "application/json");
        using var response = await api.Client.PostAsync("disks", content, ApiFixture.Token);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public void Tree_SurvivesXmlAndJson()
    {
        var tree = new WireNode("vm").Attr("id", "1").Add("name", "a & <b>")
            .Add(new WireNode("custom_properties", WireKind.List).Add(new WireNode("custom_property").Add("name", "n").Add("value", "v")))
            .Add(new WireNode("tags", WireKind.List));
        var fromXml = XmlWire.Read(new MemoryStream(XmlWire.Write(tree)));
        var fromJson = JsonWire.Read(JsonWire.Write(fromXml), "vm");
        Assert.Equal(XmlWire.Write(tree), XmlWire.Write(fromJson));
        Assert.Equal(JsonWire.Write(tree), JsonWire.Write(fromXml));
        Assert.Equal(EmptyList, JsonNode.Parse(JsonWire.Write(fromJson))!["tags"]!.ToJsonString());
    }

    [Fact]
    public void AnyTree_SurvivesXmlAndJson()
    {
        Prop.ForAll(Trees(), tree =>
        {
            var xml = XmlWire.Write(tree);
            var back = JsonWire.Read(JsonWire.Write(XmlWire.Read(new MemoryStream(xml))), tree.Name);
            return xml.AsSpan().SequenceEqual(XmlWire.Write(back));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void AnyBytes_AreReadOrRefused()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes => Reads(() => JsonWire.Read(bytes, "x")) && Reads(() => XmlWire.Read(new MemoryStream(bytes))))
            .QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Decimal_IsANumberInJson()
    {
        var tree = new WireNode("value").Add(new WireNode("datum", WireKind.Decimal, 1.5.ToString(CultureInfo.InvariantCulture)));
        Assert.Equal(1.5, JsonNode.Parse(JsonWire.Write(tree))!["datum"]!.GetValue<double>());
    }

    private static bool Reads(Func<WireNode> read)
    {
        try
        {
            return read() is not null;
        }
        catch (FormatException)
        {
            return true;
        }
    }

    // Objects with an id, distinct member names, lists of their own item name, and text XML can carry.
    private static Arbitrary<WireNode> Trees()
    {
        var text = ArbMap.Default.GeneratorFor<string>()
            .Select(t => t is null ? string.Empty : string.Concat(t.Where(c => !char.IsControl(c) && !char.IsSurrogate(c) && c < '\uFFFE')).Trim());
        return Arb.From(Gen.Sized(size => Tree("vm", Math.Min(size, 16))));

        Gen<WireNode> Tree(string name, int size) =>
            from id in ArbMap.Default.GeneratorFor<Guid>()
            from label in text
            from child in size < 2 ? Gen.Constant<WireNode?>(null) : Tree("cluster", size / 2).Select(n => (WireNode?)n)
            from count in Gen.Choose(0, 3)
            from items in size < 2 ? Gen.Constant<IEnumerable<WireNode>>([]) : Gen.ListOf(Tree("disk", size / 3), count).Select(l => l.AsEnumerable())
            select new WireNode(name).Attr("id", id.ToString()).Add("name", label).Add(child)
                .Add(new WireNode("disks", WireKind.List).AddAll(items));
    }
}
