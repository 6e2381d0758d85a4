// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Text;

namespace OvirtDistributed.Simulator.Storage.Nbd;

/// <summary>The fixed newstyle handshake up to the transmission phase.</summary>
internal sealed class NbdNegotiation(NbdSocket socket, string exportName)
{
    public long SizeBytes { get; private set; }

    public ushort TransmissionFlags { get; private set; }

    public uint MaxPayloadBytes { get; private set; } = NbdWire.DefaultMaxPayloadBytes;

    public bool StructuredReplies { get; private set; }

    /// <summary>Names of the selected meta contexts by the id the server gave them.</summary>
    public Dictionary<uint, string> Contexts { get; } = [];

    public async Task RunAsync(bool wantDirtyBitmap, CancellationToken cancellationToken)
    {
        if (await socket.ReadUInt64Async(cancellationToken) != NbdWire.InitMagic || await socket.ReadUInt64Async(cancellationToken) != NbdWire.OptionMagic)
        {
            throw new NbdException("The server does not speak newstyle NBD.");
        }

        var flags = await socket.ReadUInt16Async(cancellationToken);
        if ((flags & NbdWire.FlagFixedNewstyle) == 0)
        {
            throw new NbdException("The server does not speak fixed newstyle NBD.");
        }

        var answer = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(answer, (uint)(flags & (NbdWire.FlagFixedNewstyle | NbdWire.FlagNoZeroes)));
        await socket.SendAsync(answer, cancellationToken);

        StructuredReplies = await SimpleOptionAsync(NbdWire.OptionStructuredReply, cancellationToken);
        if (StructuredReplies)
        {
            await SelectContextsAsync(wantDirtyBitmap, cancellationToken);
        }

        await GoAsync(cancellationToken);
    }

    private async Task SelectContextsAsync(bool wantDirtyBitmap, CancellationToken cancellationToken)
    {
        var wanted = new List<string> { NbdContexts.BaseAllocation, NbdContexts.AllocationDepth };
        if (wantDirtyBitmap)
        {
            var bitmaps = new Dictionary<uint, string>();
            await MetaContextAsync(NbdWire.OptionListMetaContext, [NbdContexts.DirtyBitmapPrefix], bitmaps, cancellationToken);
            var names = bitmaps.Values.Where(n => n.StartsWith(NbdContexts.DirtyBitmapPrefix, StringComparison.Ordinal)).ToList();

            // The imageio daemon wants exactly one bitmap: with several it cannot tell which one is meant.
            if (names.Count == 1)
            {
                wanted.Add(names[0]);
            }
        }

        await MetaContextAsync(NbdWire.OptionSetMetaContext, wanted, Contexts, cancellationToken);
    }

    private async Task MetaContextAsync(uint option, IReadOnlyList<string> queries, Dictionary<uint, string> found, CancellationToken cancellationToken)
    {
        await SendOptionAsync(option, NameAndQueries(queries), cancellationToken);
        while (true)
        {
            var (type, data) = await ReadOptionReplyAsync(option, cancellationToken);
            if (type == NbdWire.ReplyMetaContext && data.Length >= 4)
            {
                // A list gives no ids that mean anything, so names are kept under their position.
                var id = option == NbdWire.OptionListMetaContext ? (uint)found.Count : BinaryPrimitives.ReadUInt32BigEndian(data);
                found[id] = Encoding.UTF8.GetString(data.AsSpan(4));
            }
            else if (type == NbdWire.ReplyAck)
            {
                return;
            }
            else if ((type & NbdWire.ReplyErrorBit) != 0)
            {
                throw OptionFailed("the choice of meta contexts", type, data);
            }
        }
    }

    private async Task GoAsync(CancellationToken cancellationToken)
    {
        var name = Encoding.UTF8.GetBytes(exportName);
        var data = new byte[4 + name.Length + 2 + 2];
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)name.Length);
        name.CopyTo(data.AsSpan(4));
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(4 + name.Length), 1);
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(6 + name.Length), NbdWire.InfoBlockSize);
        await SendOptionAsync(NbdWire.OptionGo, data, cancellationToken);
        while (true)
        {
            var (type, reply) = await ReadOptionReplyAsync(NbdWire.OptionGo, cancellationToken);
            if (type == NbdWire.ReplyAck)
            {
                return;
            }

            if (type == NbdWire.ReplyInfo)
            {
                ReadInformation(reply);
            }
            else if ((type & NbdWire.ReplyErrorBit) != 0)
            {
                throw OptionFailed("the export", type, reply);
            }
        }
    }

    private void ReadInformation(ReadOnlySpan<byte> reply)
    {
        var kind = reply.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(reply) : ushort.MaxValue;
        if (kind == NbdWire.InfoExport && reply.Length >= 12)
        {
            SizeBytes = checked((long)BinaryPrimitives.ReadUInt64BigEndian(reply[2..]));
            TransmissionFlags = BinaryPrimitives.ReadUInt16BigEndian(reply[10..]);
        }
        else if (kind == NbdWire.InfoBlockSize && reply.Length >= 14)
        {
            MaxPayloadBytes = Math.Min(BinaryPrimitives.ReadUInt32BigEndian(reply[10..]), NbdWire.DefaultMaxPayloadBytes);
        }
    }

    private byte[] NameAndQueries(IReadOnlyList<string> queries)
    {
        using var data = new MemoryStream();
        Span<byte> number = stackalloc byte[4];
        foreach (var text in queries.Prepend(exportName))
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            BinaryPrimitives.WriteUInt32BigEndian(number, (uint)bytes.Length);
            data.Write(number);
            data.Write(bytes);
            if (data.Length == 4 + bytes.Length)
            {
                BinaryPrimitives.WriteUInt32BigEndian(number, (uint)queries.Count);
                data.Write(number);
            }
        }

        return data.ToArray();
    }

    private async Task<bool> SimpleOptionAsync(uint option, CancellationToken cancellationToken)
    {
        await SendOptionAsync(option, default, cancellationToken);
        var (type, _) = await ReadOptionReplyAsync(option, cancellationToken);
        return type == NbdWire.ReplyAck;
    }

    private async Task SendOptionAsync(uint option, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        var message = new byte[16 + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(message, NbdWire.OptionMagic);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), option);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(12), (uint)data.Length);
        data.CopyTo(message.AsMemory(16));
        await socket.SendAsync(message, cancellationToken);
    }

    private async Task<(uint Type, byte[] Data)> ReadOptionReplyAsync(uint option, CancellationToken cancellationToken)
    {
        var magic = await socket.ReadUInt64Async(cancellationToken);
        var answered = await socket.ReadUInt32Async(cancellationToken);
        var type = await socket.ReadUInt32Async(cancellationToken);
        var length = await socket.ReadUInt32Async(cancellationToken);
        if (magic != NbdWire.OptionReplyMagic || answered != option || length > NbdWire.MaxOptionReplyBytes)
        {
            throw new NbdException($"The server answered option {option} with something else (option {answered}, {length} bytes).");
        }

        var data = new byte[length];
        await socket.ReadExactlyAsync(data, cancellationToken);
        return (type, data);
    }

    private NbdException OptionFailed(string what, uint type, byte[] data) =>
        new($"The server refused {what} '{exportName}' (reply {type & ~NbdWire.ReplyErrorBit}): {Encoding.UTF8.GetString(data)}");
}
