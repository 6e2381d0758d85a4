// SPDX-License-Identifier: Apache-2.0

using System.Xml;
using OvirtDistributed.Server.Jobs.Restore;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

public sealed class OvfConfigurationTests
{
    private const string Ovf = """
        <?xml version="1.0" encoding="UTF-8"?><ovf:Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1/" xmlns:rasd="r" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
        <References><File ovf:href="D/I" ovf:id="I"/><Nic ovf:id="N"/></References>
        <Section xsi:type="ovf:DiskSection_Type"><Info>disks</Info><Disk ovf:diskId="I"/></Section>
        <Content ovf:id="out"><Name>vm</Name><TimeZone>UTC</TimeZone>
        <Section xsi:type="ovf:SnapshotsSection_Type"><Snapshot ovf:id="s"/></Section>
        <Section xsi:type="ovf:VirtualHardwareSection_Type">
        <Item><rasd:ResourceType>3</rasd:ResourceType><rasd:num_of_sockets>2</rasd:num_of_sockets></Item>
        <Item><rasd:ResourceType>17</rasd:ResourceType><rasd:HostResource>D/I</rasd:HostResource></Item>
        <Item><rasd:ResourceType>10</rasd:ResourceType><rasd:MACAddress>00:1a:4a:16:01:51</rasd:MACAddress></Item>
        </Section></Content></ovf:Envelope>
        """;

    [Fact]
    public void Configuration_StaysAndDisksNicsAndSnapshotsGo()
    {
        var reduced = OvfConfiguration.WithoutDisksAndNics(Ovf);

        Assert.Contains("num_of_sockets>2<", reduced, StringComparison.Ordinal);
        Assert.Contains("<TimeZone>UTC</TimeZone>", reduced, StringComparison.Ordinal);
        Assert.All(["D/I", "00:1a:4a", "SnapshotsSection", "<Nic", "ovf:diskId"], gone => Assert.DoesNotContain(gone, reduced, StringComparison.Ordinal));
        Assert.Equal(reduced, OvfConfiguration.WithoutDisksAndNics(reduced));
    }

    [Fact]
    public void DocumentType_IsRefused() =>
        Assert.Throws<XmlException>(() => OvfConfiguration.WithoutDisksAndNics("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"));
}
