// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Text;

namespace OvirtDistributed.Worker.Transports.Nbd;

/// <summary>The fixed newstyle handshake up to the transmission phase.</summary>
internal sealed class NbdNegotiation(NbdSocket socket)
{
    // A smaller one would be against the protocol, and 0 would never end.
    private const uint SmallestPayloadLimit = 4096;

    public long SizeBytes { get; private set; }

    public ushort TransmissionFlags { get; private set; }

    public uint MaxPayloadBytes { get; private set; } = NbdWire.DefaultMaxPayloadBytes;

    public bool StructuredReplies { get; private set; }

    /// <summary>Names of the selected meta contexts by the id the server gave them.</summary>
    public Dictionary<uint, string> Contexts { get; } = [];

    public async Task RunAsync(CancellationToken cancellationToken)
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
            await SelectContextsAsync(cancellationToken);
        }

        await GoAsync(cancellationToken);
    }

    private async Task SelectContextsAsync(CancellationToken cancellationToken)
    {
        await SendOptionAsync(NbdWire.OptionSetMetaContext, NameAndQueries([NbdContexts.BaseAllocation, NbdContexts.AllocationDepth]), cancellationToken);
        while (true)
        {
            var (type, data) = await ReadOptionReplyAsync(NbdWire.OptionSetMetaContext, cancellationToken);
            if (type == NbdWire.ReplyMetaContext && data.Length >= 4)
            {
                Contexts[BinaryPrimitives.ReadUInt32BigEndian(data)] = Encoding.UTF8.GetString(data.AsSpan(4));
            }
            else if (type == NbdWire.ReplyAck)
            {
                return;
            }
            else
            {
                throw OptionFailed("the choice of meta contexts", type, data);
            }
        }
    }

    private async Task GoAsync(CancellationToken cancellationToken)
    {
        // The default export, whose name is empty, and one question: the block sizes.
        var data = new byte[4 + 2 + 2];
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(4), 1);
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(6), NbdWire.InfoBlockSize);
        await SendOptionAsync(NbdWire.OptionGo, data, cancellationToken);
        while (true)
        {
            var (type, reply) = await ReadOptionReplyAsync(NbdWire.OptionGo, cancellationToken);
            if (type == NbdWire.ReplyAck)
            {
                if (SizeBytes == 0)
                {
                    throw new NbdException("The server does not say how large the export is.");
                }

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
            var size = BinaryPrimitives.ReadUInt64BigEndian(reply[2..]);
            SizeBytes = size is > 0 and <= long.MaxValue ? (long)size : throw new NbdException($"The server offers an export of {size} bytes.");
            TransmissionFlags = BinaryPrimitives.ReadUInt16BigEndian(reply[10..]);
        }
        else if (kind == NbdWire.InfoBlockSize && reply.Length >= 14)
        {
            var largest = BinaryPrimitives.ReadUInt32BigEndian(reply[10..]);
            MaxPayloadBytes = largest >= SmallestPayloadLimit
                ? Math.Min(largest, NbdWire.DefaultMaxPayloadBytes)
                : throw new NbdException($"The server takes no more than {largest} bytes in one request.");
        }
    }

    /// <summary>The default export's empty name, then the queries; each with its length in front.</summary>
    private static byte[] NameAndQueries(IReadOnlyList<string> queries)
    {
        using var data = new MemoryStream();
        Number(0);
        Number(queries.Count);
        foreach (var text in queries)
        {
            Number(text.Length);
            data.Write(Encoding.ASCII.GetBytes(text));
        }

        return data.ToArray();

        void Number(int value)
        {
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteInt32BigEndian(bytes, value);
            data.Write(bytes);
        }
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

    private static NbdException OptionFailed(string what, uint type, byte[] data) =>
        new($"The server refused {what} (reply {type & ~NbdWire.ReplyErrorBit}): {Encoding.UTF8.GetString(data)}");
}
