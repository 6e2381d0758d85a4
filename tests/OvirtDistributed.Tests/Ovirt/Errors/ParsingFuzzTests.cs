// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using OvirtDistributed.Ovirt.Auth;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Engine.Transfers;
using OvirtDistributed.Ovirt.Engine.Vms;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Ovirt.Trust;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Errors;

/// <summary>Whatever arrives, parsing gives a value or an <see cref="OvirtException"/>, never another exception.</summary>
public sealed class ParsingFuzzTests
{
    private const int Rounds = 4000;

    private const string VmSeed = """
        {"vm":[{"id":"123e4567-e89b-12d3-a456-426614174000","name":"web ü","status":"up","memory":"1073741824","creation_time":1472564909990,
        "cpu":{"topology":{"sockets":"2","cores":1}},"os":{"type":"other"},"bios":{"type":"q35"},"stateless":"false","cluster":{"id":"123e4567-e89b-12d3-a456-426614174001"},
        "lease":{"storage_domain":{"id":"123e4567-e89b-12d3-a456-426614174001"}},"initialization":{"configuration":{"type":"ovf","data":"<?xml"}},
        "disk_attachments":{"disk_attachment":[{"id":"123e4567-e89b-12d3-a456-426614174002","active":"true","interface":"virtio","disk":{"id":"123e4567-e89b-12d3-a456-426614174002","provisioned_size":"10"}}]},
        "nics":{"nic":[{"id":"123e4567-e89b-12d3-a456-426614174003","mac":{"address":"00:1a"},"reported_devices":{"reported_device":[{"ips":{"ip":[{"address":"10.0.0.1"}]}}]}}]},
        "tags":{"tag":[{"id":"123e4567-e89b-12d3-a456-426614174004","parent":{"id":""}}]},"link":[{"rel":"x","href":"/y"}]}]}
        """;

    private const string SettingsSeed = """
        {"comment":"c","type":"server","delete_protected":"true","tpm_enabled":false,"time_zone":{"name":"Etc/GMT"},"bios":{"type":"q35","boot_menu":{"enabled":"true"}},
        "os":{"boot":{"devices":{"device":["hd","network"]}}},"high_availability":{"enabled":"true","priority":"50"},"lease":{"storage_domain":{"id":"123e4567-e89b-12d3-a456-426614174001"}},
        "placement_policy":{"affinity":"pinned","hosts":{"host":[{"id":"123e4567-e89b-12d3-a456-426614174002"}]}},"custom_properties":{"custom_property":[{"name":"a","value":"b"}]},
        "initialization":{"host_name":"web","root_password":"******","nic_configurations":{"nic_configuration":[{"name":"eth0","on_boot":"true","ip":{"address":"192.0.2.1"}}]}},
        "rng_device":{"source":"urandom","rate":{"bytes":"10","period":1}}}
        """;

    private const string DiskSeed = """
        {"disk":[{"id":"123e4567-e89b-12d3-a456-426614174000","alias":"d","status":"ok","image_id":"123e4567-e89b-12d3-a456-426614174001","provisioned_size":"10","actual_size":3,
        "format":"cow","sparse":"true","backup":"incremental","backup_mode":"full","content_type":"data","storage_type":"image","storage_domains":{"storage_domain":[{"id":"123e4567-e89b-12d3-a456-426614174002"}]}}]}
        """;

    private const string DomainSeed = """
        {"storage_domain":[{"id":"123e4567-e89b-12d3-a456-426614174000","name":"sd","type":"data","status":"active","storage":{"type":"nfs","path":"/x"},
        "available":"10","used":1,"committed":null,"data_centers":{"data_center":[{"id":"123e4567-e89b-12d3-a456-426614174001"}]},"backup":"false","block_size":"512"}]}
        """;

    private const string TransferSeed = """
        {"id":"123e4567-e89b-12d3-a456-426614174000","phase":"transferring","direction":"upload","transfer_url":"https://h:54322/images/x","proxy_url":"https://e:54323/images/x",
        "transferred":"5","inactivity_timeout":"60","host":{"id":"123e4567-e89b-12d3-a456-426614174001"},"image":{"id":"123e4567-e89b-12d3-a456-426614174002"}}
        """;

    private const string ApiSeed = """{"product_info":{"name":"oVirt","vendor":"x","version":{"major":"4","minor":"5","build":"3","revision":"0","full_version":"4.5.3"}}}""";

    [Fact]
    public void VmLists_NeverThrowAnythingElse() => Fuzz(VmSeed, Engine(EngineJson.Default.WireListVmDto, list => WireValue.Map(list, VmMapping.ToVm)));

    [Fact]
    public void VmSettings_NeverThrowAnythingElse() => Fuzz(SettingsSeed, Engine(EngineJson.Default.VmSettingsDto, VmSettingsMapping.ToSettings));

    [Fact]
    public void DiskLists_NeverThrowAnythingElse() => Fuzz(DiskSeed, Engine(EngineJson.Default.WireListDiskDto, list => WireValue.Map(list, DiskMapping.ToDisk)));

    [Fact]
    public void StorageDomainLists_NeverThrowAnythingElse() =>
        Fuzz(DomainSeed, Engine(EngineJson.Default.WireListStorageDomainDto, list => WireValue.Map(list, InventoryMapping.ToStorageDomain)));

    [Fact]
    public void Transfers_NeverThrowAnythingElse() => Fuzz(TransferSeed, Engine(EngineJson.Default.ImageTransferDto, TransferMapping.ToTransfer));

    [Fact]
    public void Products_NeverThrowAnythingElse() => Fuzz(ApiSeed, Engine(EngineJson.Default.ApiDto, InventoryMapping.ToProduct));

    [Fact]
    public void TokenReplies_NeverThrowAnythingElse() =>
        Fuzz("""[{"access_token":"abc","scope":"x","exp":"1","error":null,"error_code":null}]""", text => TokenReply.Read(200, text));

    [Fact]
    public void OptionsReplies_NeverThrowAnythingElse() =>
        Fuzz("""{"features":["checksum","extents"],"max_readers":8,"max_writers":8,"unix_socket":"\u0000/x"}""", text => ImageReplies.ReadFeatures(text));

    [Fact]
    public void ChecksumReplies_NeverThrowAnythingElse() =>
        Fuzz("""{"algorithm":"sha256","block_size":4194304,"checksum":"00ff"}""", text => ImageReplies.ReadChecksum(text));

    [Fact]
    public void Extents_NeverThrowAnythingElseAndAreContiguous() => Fuzz(
        """[{"start":0,"length":65536,"dirty":true,"zero":false,"hole":false},{"start":65536,"length":9,"dirty":false,"zero":true,"x":[{}]}]""",
        text =>
        {
            var extents = new List<ImageExtent>();
            new ExtentReader(ExtentContext.Dirty).Read(new ReadOnlySequence<byte>(text), isFinal: true, extents);
            var next = 0L;
            foreach (var extent in extents)
            {
                Assert.Equal(next, extent.Start);
                Assert.True(extent.Length > 0);
                next = extent.End;
            }

            return extents;
        });

    [Fact]
    public void CertificateTexts_NeverThrowAnythingElse()
    {
        using var certificates = new Support.TestCertificates();
        Fuzz(certificates.AuthorityPem, text => CertificateText.Load(Encoding.UTF8.GetString(text)));
    }

    [Fact]
    public void TransferUrls_AreParsedOrNot()
    {
        var random = new Random(1);
        for (var round = 0; round < Rounds; round++)
        {
            var text = Encoding.UTF8.GetString(Mutate(Encoding.UTF8.GetBytes("https://host:54322/images/123e4567-e89b-12d3-a456-426614174000"), random));
            if (TransferUrl.TryParse(text, out var url))
            {
                Assert.EndsWith("***", url.ToString(), StringComparison.Ordinal);
            }
        }
    }

    private static Func<byte[], object?> Engine<TDto, TModel>(JsonTypeInfo<TDto> type, Func<TDto, TModel> map)
        where TDto : class => text => new EngineReply(EngineRequest.Get("x"), 200, text).Read(type, map);

    private static void Fuzz(string seed, Func<byte[], object?> parse)
    {
        var bytes = Encoding.UTF8.GetBytes(seed);
        Assert.NotNull(parse(bytes));
        var random = new Random(20260115);
        var (values, refused) = (0, 0);
        for (var round = 0; round < Rounds; round++)
        {
            var text = Mutate(bytes, random);
            try
            {
                parse(text);
                values++;
            }
            catch (OvirtException)
            {
                refused++;
            }
            catch (Exception exception) when (exception is not Xunit.Sdk.IAssertionException)
            {
                Assert.Fail($"Round {round} gave {exception.GetType().Name}: {exception.Message}\n{Convert.ToBase64String(text)}");
            }
        }

        // Mutations that never hit anything, or always break the text, would prove nothing.
        Assert.True(values > 0 && refused > Rounds / 20, $"{values} values, {refused} refused");
    }

    private static byte[] Mutate(byte[] seed, Random random)
    {
        ReadOnlySpan<string> tokens =
        [
            "null", "true", "-1", "1e999", "99999999999999999999", "\"\"", "{}", "[]", "{", "]", "\"x\"", "1.5", "\"\\ud800\"", "\"id\":", ",", "\uFFFD", "[[[[", "\"-9223372036854775809\"",
        ];
        var text = new List<byte>(seed);
        for (var count = random.Next(1, 4); count > 0; count--)
        {
            var at = random.Next(text.Count);
            switch (random.Next(5))
            {
                case 0:
                    text[at] = (byte)random.Next(256);
                    break;
                case 1:
                    text.RemoveRange(at, Math.Min(text.Count - at - 1, random.Next(1, 20)));
                    break;
                case 2:
                    text.InsertRange(at, Encoding.UTF8.GetBytes(tokens[random.Next(tokens.Length)]));
                    break;
                case 3:
                    ReplaceValue(text, at, tokens[random.Next(tokens.Length)]);
                    break;
                default:
                    text.InsertRange(at, text.GetRange(random.Next(text.Count), 1));
                    break;
            }
        }

        return [.. text];
    }

    /// <summary>Puts a token in the place of the next value, which keeps the text well formed and reaches the mapping.</summary>
    private static void ReplaceValue(List<byte> text, int at, string token)
    {
        var colon = text.IndexOf((byte)':', at);
        if (colon < 0)
        {
            return;
        }

        var end = colon + 1;
        while (end < text.Count && text[end] is not ((byte)',' or (byte)'}' or (byte)']'))
        {
            end++;
        }

        text.RemoveRange(colon + 1, end - colon - 1);
        text.InsertRange(colon + 1, Encoding.UTF8.GetBytes(token));
    }
}
