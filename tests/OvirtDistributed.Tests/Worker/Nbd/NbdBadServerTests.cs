// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Transports.Nbd;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Nbd;

/// <summary>The NBD client against a server that breaks the protocol, byte by byte.</summary>
public sealed class NbdBadServerTests
{
    private const ulong Newstyle = 0x4e42444d41474943;
    private const ulong OptionMark = 0x49484156454F5054;
    private const ulong ReplyMark = 0x3e889045565a9;

    private static readonly byte[] Greeting = [.. Number(Newstyle), .. Number(OptionMark), 0, 3];
    private static readonly byte[] NoStructuredReplies = OptionReply(8, 0x80000001, []);

    [Theory]
    [InlineData("not newstyle", "does not speak newstyle")]
    [InlineData("no fixed newstyle", "does not speak fixed newstyle")]
    [InlineData("reply to another option", "with something else")]
    [InlineData("endless reply", "with something else")]
    [InlineData("export of nothing", "export of 0 bytes")]
    [InlineData("export beyond all bounds", "export of 18446744073709551615 bytes")]
    [InlineData("no size", "does not say how large")]
    [InlineData("no payload", "no more than 0 bytes")]
    [InlineData("end", "closed the connection")]
    public async Task BadHandshake_IsSaid(string what, string expected)
    {
        byte[] reply = what switch
        {
            "not newstyle" => [.. Number(Newstyle), .. Number(7UL), 0, 3],
            "no fixed newstyle" => [.. Number(Newstyle), .. Number(OptionMark), 0, 0],
            "reply to another option" => [.. Greeting, .. OptionReply(9, 1, [])],
            "endless reply" => [.. Greeting, .. Number(ReplyMark), .. Number(8u), .. Number(1u), .. Number(uint.MaxValue)],
            "export of nothing" => [.. Greeting, .. NoStructuredReplies, .. Export(0)],
            "export beyond all bounds" => [.. Greeting, .. NoStructuredReplies, .. Export(ulong.MaxValue)],
            "no size" => [.. Greeting, .. NoStructuredReplies, .. OptionReply(7, 1, [])],
            "no payload" => [.. Greeting, .. NoStructuredReplies, .. OptionReply(7, 3, [0, 3, .. Number(1u), .. Number(4096u), .. Number(0u)])],
            _ => [.. Greeting, .. NoStructuredReplies],
        };
        await using var server = new ScriptedNbdServer(reply);

        var failure = await Assert.ThrowsAsync<NbdException>(() => NbdClient.ConnectAsync(server.SocketPath, NbdSite.Token)).WithinDeadline();

        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("unknown mark", "unknown mark 0xdeadbeef")]
    [InlineData("another request's answer", "unknown request 99")]
    [InlineData("data elsewhere", "outside of what was asked")]
    [InlineData("too little", "sent 256 of 512 bytes")]
    [InlineData("unknown chunk", "unknown type 77")]
    public async Task BadAnswerToARead_IsSaidAndNothingHalfReadIsTakenForWhole(string what, string expected)
    {
        var answer = what switch
        {
            "unknown mark" => Number(0xdeadbeefu),
            "another request's answer" => Chunk(0, 99, []),
            "data elsewhere" => Chunk(1, 1, [.. Number(512UL), .. new byte[512]]),
            "too little" => Chunk(1, 1, [.. Number(0UL), .. new byte[256]], last: true),
            _ => Chunk(77, 1, []),
        };
        byte[] handshake =
        [
            .. Greeting, .. OptionReply(8, 1, []), .. OptionReply(10, 1, []), .. Export(4096), .. OptionReply(7, 1, []),
        ];
        await using var server = new ScriptedNbdServer(handshake, answer);
        await using var client = await NbdClient.ConnectAsync(server.SocketPath, NbdSite.Token).WithinDeadline();

        var failure = await Assert.ThrowsAsync<NbdException>(() => client.ReadAsync(0, new byte[512], NbdSite.Token).AsTask()).WithinDeadline();

        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
    }

    private static byte[] Export(ulong size) => OptionReply(7, 3, [0, 0, .. Number(size), 0, 1]);

    private static byte[] OptionReply(uint option, uint type, byte[] data) => [.. Number(ReplyMark), .. Number(option), .. Number(type), .. Number((uint)data.Length), .. data];

    private static byte[] Chunk(ushort type, ulong handle, byte[] data, bool last = false) =>
        [.. Number(0x668e33efu), 0, (byte)(last ? 1 : 0), (byte)(type >> 8), (byte)type, .. Number(handle), .. Number((uint)data.Length), .. data];

    private static byte[] Number(ulong value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] Number(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}
