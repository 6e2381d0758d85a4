// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using OvirtDistributed.Simulator.ImageIo;
using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Tests.Simulator.Storage;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.ImageIo;

public sealed class ProtocolTests : IAsyncLifetime
{
    private readonly ImageIoSite _site = new();

    public async ValueTask InitializeAsync() => await _site.StartAsync();

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Fact]
    public async Task Download_RangesStatusAndHeadersAreTheDaemons()
    {
        var disk = await _site.Disks.NewDiskAsync();
        await _site.Disks.WriteAsync(disk, 1, 7, blocks: 20);
        var expected = _site.Disks.Expected(disk);
        var (url, ticket) = await _site.ReadTicketAsync(disk);
        var client = _site.NewClient();

        using var all = await client.GetAsync(url, ImageIoSite.Token).WithinDeadline();
        Assert.Equal(HttpStatusCode.OK, all.StatusCode);
        Assert.Equal(expected, await all.Content.ReadAsByteArrayAsync(ImageIoSite.Token).WithinDeadline());
        Assert.Equal("imageio/2.5.3", all.Headers.Server.ToString());
        Assert.Equal("attachment", all.Content.Headers.ContentDisposition?.ToString());

        using var part = await client.SendAsync(ImageIoSite.Get(url, 65530, 65540), ImageIoSite.Token).WithinDeadline();
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal($"bytes 65530-65540/{ticket.Size}", part.Content.Headers.ContentRange?.ToString());
        Assert.Equal(expected[65530..65541], await part.Content.ReadAsByteArrayAsync(ImageIoSite.Token).WithinDeadline());

        var state = await _site.Daemon.GetTicketAsync(ticket.Uuid, ImageIoSite.Token);
        Assert.Equal((false, false, 1, ticket.Size), (state!.Active, state.Canceled, state.Connections, state.Transferred));
    }

    [Theory]
    [InlineData("bytes=-5", "suffix-byte-range-spec not supported yet")]
    [InlineData("bytes=0-1,4-5", "multiple ranges")]
    [InlineData("bytes=9-1", "first > last")]
    [InlineData("bytes=x-1", "invalid range")]
    public async Task RangeNotSupported_Is416(string range, string text)
    {
        var (url, _) = await _site.ReadTicketAsync(await _site.Disks.NewDiskAsync());
        var request = new HttpRequestMessage(HttpMethod.Get, url);
        Assert.True(request.Headers.TryAddWithoutValidation("Range", range));
        var (reply, said) = await ImageIoSite.SendAsync(_site.NewClient(), request);
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, reply.StatusCode);
        Assert.Contains(text, said, StringComparison.Ordinal);
        Assert.EndsWith("\n", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RangeBeyondTheEnd_Is416WithTheSize()
    {
        var (url, ticket) = await _site.ReadTicketAsync(await _site.Disks.NewDiskAsync());
        var (reply, said) = await ImageIoSite.SendAsync(_site.NewClient(), ImageIoSite.Get(url, ticket.Size - 1, ticket.Size));
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, reply.StatusCode);
        Assert.Equal($"bytes */{ticket.Size}", reply.Content.Headers.ContentRange?.ToString());
        Assert.Equal("Requested range out of allowed range\n", said);
    }

    [Fact]
    public async Task Upload_WritesZeroesAndFlushes()
    {
        var disk = await _site.Disks.NewDiskAsync();
        await _site.Disks.WriteAsync(disk, 0, 9, blocks: 6);
        var (url, ticket) = await _site.WriteTicketAsync(disk);
        var client = _site.NewClient();
        var data = RandomNumberGenerator.GetBytes((2 * StorageSite.Block) + 100);

        foreach (var request in new[]
        {
            ImageIoSite.Put(new Uri(url + "?flush=n"), 1000, data),
            ImageIoSite.Patch(url, $$"""{"op":"zero","offset":{{3 * StorageSite.Block}},"size":{{2 * StorageSite.Block}}}"""),
            ImageIoSite.Patch(url, """{"op":"flush"}"""),
        })
        {
            var (reply, said) = await ImageIoSite.SendAsync(client, request);
            Assert.Equal((HttpStatusCode.OK, string.Empty), (reply.StatusCode, said));
        }

        var expected = _site.Disks.Expected(disk);
        data.CopyTo(expected, 1000);
        expected.AsSpan(3 * StorageSite.Block, 2 * StorageSite.Block).Clear();
        Assert.Equal(expected, await client.GetByteArrayAsync(url, ImageIoSite.Token).WithinDeadline());
        Assert.True(await _site.Daemon.RemoveTicketAsync(ticket.Uuid, ImageIoSite.Token).WithinDeadline());
    }

    [Theory]
    [InlineData("""{"op":"zero"}""", "Missing required value for 'size'\n")]
    [InlineData("""{"op":"zero","size":"1"}""", "Integer required")]
    [InlineData("""{"op":"zero","size":-1}""", "Invalid value -1 < 0\n")]
    [InlineData("""{"op":"zero","size":1,"flush":1}""", "Boolean required")]
    [InlineData("""{"op":"trim"}""", "Unsupported value")]
    [InlineData("{}", "Missing required value for op\n")]
    [InlineData("{", "Invalid JSON message")]
    public async Task PatchMalformed_Is400(string json, string text)
    {
        var (url, _) = await _site.WriteTicketAsync(await _site.Disks.NewDiskAsync());
        var (reply, said) = await ImageIoSite.SendAsync(_site.NewClient(), ImageIoSite.Patch(url, json));
        Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
        Assert.StartsWith(text, said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UploadRefused_SaysWhyAndCloses()
    {
        var disk = await _site.Disks.NewDiskAsync();
        var (url, ticket) = await _site.WriteTicketAsync(disk);
        var client = _site.NewClient();

        var beyond = await ImageIoSite.SendAsync(client, ImageIoSite.Put(url, ticket.Size - 1, [1, 2]));
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, beyond.Reply.StatusCode);
        Assert.True(beyond.Reply.Headers.ConnectionClose);

        var chunked = new HttpRequestMessage(HttpMethod.Put, url) { Content = new StreamContent(new MemoryStream([1, 2, 3])) };
        chunked.Headers.TransferEncodingChunked = true;
        var noLength = await ImageIoSite.SendAsync(client, chunked);
        Assert.Equal((HttpStatusCode.BadRequest, "Content-Length header is required\n"), (noLength.Reply.StatusCode, noLength.Text));

        var malformed = new HttpRequestMessage(HttpMethod.Put, url) { Content = new ByteArrayContent([1]) };
        Assert.True(malformed.Content.Headers.TryAddWithoutValidation("Content-Range", "bytes=0-9/*"));
        Assert.Equal(HttpStatusCode.BadRequest, (await ImageIoSite.SendAsync(client, malformed)).Reply.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await ImageIoSite.SendAsync(client, ImageIoSite.Put(new Uri(url + "?flush=maybe"), 0, [1]))).Reply.StatusCode);

        var (readOnly, _) = await _site.AddAsync(ticket with { Uuid = Guid.NewGuid(), Ops = ["read"] });
        var forbidden = await ImageIoSite.SendAsync(client, ImageIoSite.Put(readOnly, 0, [1]));
        Assert.Equal(HttpStatusCode.Forbidden, forbidden.Reply.StatusCode);
        Assert.Equal("You are not allowed to access this resource: Transfer=transfer-1 forbids write\n", forbidden.Text);
        Assert.True(forbidden.Reply.Headers.ConnectionClose);
    }

    [Fact]
    public async Task Extents_TellZeroHoleAndDirty()
    {
        var disk = await _site.Disks.NewDiskAsync();
        await _site.Disks.StartAsync(disk);
        await _site.Disks.WriteAsync(disk, 0, 1, blocks: 2);
        var checkpoint = await _site.Disks.CheckpointAsync(disk);
        await _site.Disks.WriteAsync(disk, 1, 2);
        await _site.Disks.WriteAsync(disk, 8, 2);
        await _site.Disks.TrimAsync(disk, 8);
        var (backup, _) = await _site.Disks.BackUpAsync(checkpoint, disk);
        var (url, ticket) = await _site.TicketAsync(new ExportSpec(ExportKind.Backup, disk, null, backup, Writable: false), "read");
        var client = _site.NewClient();

        var dirty = await ImageIoSite.JsonAsync(client, new Uri(url + "/extents?context=dirty"));
        Assert.Equal(
            [(0, 1, false, false), (1, 1, true, false), (2, 6, false, true), (8, 1, true, true), (9, 55, false, true)],
            Blocks(dirty, "dirty", "zero"));
        var zero = await ImageIoSite.JsonAsync(client, new Uri(url + "/extents"));
        var runs = Blocks(zero, "zero", "hole");
        Assert.Equal((0, 2, false, false), runs[0]);
        Assert.All(runs.Skip(1), r => Assert.True(r.Item3));
        Assert.Equal(ticket.Size, zero.EnumerateArray().Sum(e => e.GetProperty("length").GetInt64()));

        var (plain, _) = await _site.AddAsync(ticket with { Uuid = Guid.NewGuid(), Dirty = false });
        var refused = await ImageIoSite.SendAsync(client, new HttpRequestMessage(HttpMethod.Get, plain + "/extents?context=dirty"));
        Assert.Equal((HttpStatusCode.NotFound, "Ticket does not support dirty extents\n"), (refused.Reply.StatusCode, refused.Text));
        Assert.Equal(
            HttpStatusCode.BadRequest, (await ImageIoSite.SendAsync(client, new HttpRequestMessage(HttpMethod.Get, plain + "/extents?context=all"))).Reply.StatusCode);

        Assert.True(await _site.Daemon.RemoveTicketAsync(ticket.Uuid, ImageIoSite.Token).WithinDeadline());
        await _site.CloseExportsAsync();
        await _site.Disks.Storage.StopBackupAsync(backup, ImageIoSite.Token).WithinDeadline();
    }

    [Fact]
    public async Task Checksum_IsTheDigestOfTheBlocksDigests()
    {
        var disk = await _site.Disks.NewDiskAsync();
        await _site.Disks.WriteAsync(disk, 3, 5, blocks: 5);
        var (url, _) = await _site.ReadTicketAsync(disk);
        var client = _site.NewClient();

        var reply = await ImageIoSite.JsonAsync(client, new Uri(url + "/checksum?algorithm=sha256&block_size=1048576"));
        var digests = _site.Disks.Expected(disk).Chunk(1 << 20).SelectMany(SHA256.HashData).ToArray();
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(digests)), reply.GetProperty("checksum").GetString());
        Assert.Equal(1 << 20, reply.GetProperty("block_size").GetInt32());

        var standard = await ImageIoSite.JsonAsync(client, new Uri(url + "/checksum"));
        Assert.Equal(("blake2b", 4 << 20), (standard.GetProperty("algorithm").GetString(), standard.GetProperty("block_size").GetInt32()));
        Assert.Equal(64, standard.GetProperty("checksum").GetString()!.Length);

        foreach (var query in new[] { "algorithm=crc32", "block_size=1", "block_size=1048577", "block_size=x" })
        {
            Assert.Equal(
                HttpStatusCode.BadRequest, (await ImageIoSite.SendAsync(client, new HttpRequestMessage(HttpMethod.Get, $"{url}/checksum?{query}"))).Reply.StatusCode);
        }
    }

    [Theory]
    [InlineData("", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8")]
    [InlineData("abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")]
    public void Blake2b_MatchesPublishedDigests(string text, string expected)
    {
        var hash = new Blake2b();
        hash.Append(System.Text.Encoding.ASCII.GetBytes(text));
        Assert.Equal(expected, Convert.ToHexStringLower(hash.Finish()));
    }

    [Fact]
    public async Task Options_TellFeaturesAndLimits()
    {
        var disk = await _site.Disks.NewDiskAsync();
        var (url, ticket) = await _site.WriteTicketAsync(disk);
        var client = _site.NewClient();
        var (reply, text) = await ImageIoSite.SendAsync(client, new HttpRequestMessage(HttpMethod.Options, url));
        Assert.Equal("OPTIONS,GET,PUT,PATCH", string.Join(',', reply.Content.Headers.Allow));
        Assert.Equal("""{"features":["checksum","extents","flush","zero"],"max_readers":8,"max_writers":8}""", text.TrimEnd());

        var (readOnly, _) = await _site.AddAsync(ticket with { Uuid = Guid.NewGuid(), Ops = ["read"] });
        var (second, features) = await ImageIoSite.SendAsync(client, new HttpRequestMessage(HttpMethod.Options, readOnly));
        Assert.Equal("OPTIONS,GET", string.Join(',', second.Content.Headers.Allow));
        Assert.Contains("""["checksum","extents"]""", features, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST", "/images/x", HttpStatusCode.MethodNotAllowed)]
    [InlineData("HEAD", "/images/x", HttpStatusCode.MethodNotAllowed)]
    [InlineData("GET", "/foo", HttpStatusCode.NotFound)]
    [InlineData("GET", "/info/", HttpStatusCode.OK)]
    [InlineData("GET", "/images/00000000-0000-0000-0000-000000000001", HttpStatusCode.Forbidden)]
    public async Task OtherPaths_AreAnsweredAsTheDaemonDoes(string method, string path, HttpStatusCode status)
    {
        var url = new Uri($"https://127.0.0.1:{_site.Daemon.Port}{path}");
        var (reply, text) = await ImageIoSite.SendAsync(_site.NewClient(), new HttpRequestMessage(new HttpMethod(method), url));
        Assert.Equal(status, reply.StatusCode);
        if (status == HttpStatusCode.Forbidden)
        {
            Assert.StartsWith("You are not allowed to access this resource: No such ticket", text, StringComparison.Ordinal);
            Assert.True(reply.Headers.ConnectionClose);
        }
    }

    [Fact]
    public async Task RequestLineTooLong_Is414()
    {
        var url = new Uri($"https://127.0.0.1:{_site.Daemon.Port}/images/{new string('a', 5000)}");
        var (reply, _) = await ImageIoSite.SendAsync(_site.NewClient(), new HttpRequestMessage(HttpMethod.Get, url));
        Assert.Equal(HttpStatusCode.RequestUriTooLong, reply.StatusCode);
    }

    [Fact]
    public async Task Proxy_ServesWhatTheHostServes()
    {
        var disk = await _site.Disks.NewDiskAsync();
        await _site.Disks.WriteAsync(disk, 2, 2, blocks: 30);
        var (url, ticket) = await _site.WriteTicketAsync(disk);
        var proxied = await _site.ProxyAsync(ticket);
        var client = _site.NewClient();

        var (written, _) = await ImageIoSite.SendAsync(client, ImageIoSite.Put(proxied, 5, [1, 2, 3]));
        Assert.Equal(HttpStatusCode.OK, written.StatusCode);
        var (zeroed, _) = await ImageIoSite.SendAsync(client, ImageIoSite.Patch(proxied, """{"op":"zero","offset":131072,"size":65536,"flush":true}"""));
        Assert.Equal(HttpStatusCode.OK, zeroed.StatusCode);
        var direct = await client.GetByteArrayAsync(url, ImageIoSite.Token).WithinDeadline();
        Assert.Equal([1, 2, 3], direct[5..8]);
        Assert.Equal(direct, await client.GetByteArrayAsync(proxied, ImageIoSite.Token).WithinDeadline());
        foreach (var path in new[] { "/extents", "/checksum" })
        {
            Assert.Equal((await ImageIoSite.JsonAsync(client, new Uri(url + path))).ToString(), (await ImageIoSite.JsonAsync(client, new Uri(proxied + path))).ToString());
        }

        Assert.True(await _site.Proxy.RemoveTicketAsync(ticket.Uuid, ImageIoSite.Token).WithinDeadline());
        Assert.True(await _site.Daemon.RemoveTicketAsync(ticket.Uuid, ImageIoSite.Token).WithinDeadline());
    }

    private static List<(int Start, int Count, bool, bool)> Blocks(JsonElement extents, string first, string second) =>
        [.. extents.EnumerateArray().Select(e => (
            (int)(e.GetProperty("start").GetInt64() / StorageSite.Block),
            (int)(e.GetProperty("length").GetInt64() / StorageSite.Block),
            e.GetProperty(first).GetBoolean(),
            e.GetProperty(second).GetBoolean()))];
}
