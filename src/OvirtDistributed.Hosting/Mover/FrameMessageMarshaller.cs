// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Text;
using Grpc.Core;

namespace OvirtDistributed.Hosting.Mover;

/// <summary>Reads and writes <see cref="FrameMessage"/> in the protobuf encoding, between the transport's buffers and pooled memory with one copy.</summary>
internal static class FrameMessageMarshaller
{
    private const int LengthDelimited = 2;

    /// <summary>Field numbers as in <c>PutFramesRequest</c>: 1 = session_id, 2 = data.</summary>
    public static Marshaller<FrameMessage> ForUpload { get; } = Create(sessionField: 1, dataField: 2);

    /// <summary>Field numbers as in <c>ReadFramesResponse</c>: 1 = data.</summary>
    public static Marshaller<FrameMessage> ForDownload { get; } = Create(sessionField: 0, dataField: 1);

    private static Marshaller<FrameMessage> Create(int sessionField, int dataField) => Marshallers.Create<FrameMessage>(
        (message, context) => Write(message, context, sessionField, dataField),
        context => Read(context.PayloadAsReadOnlySequence(), sessionField, dataField));

    private static void Write(FrameMessage message, SerializationContext context, int sessionField, int dataField)
    {
        var session = sessionField == 0 ? "" : message.SessionId;
        var sessionBytes = Encoding.UTF8.GetByteCount(session);
        var data = message.Data.Span;
        var size = (sessionBytes == 0 ? 0 : 1 + VarintSize(sessionBytes) + sessionBytes)
            + (data.Length == 0 ? 0 : 1 + VarintSize(data.Length) + data.Length);

        // A known length lets the library frame the message in place instead of collecting it first.
        context.SetPayloadLength(size);
        var writer = context.GetBufferWriter();
        if (sessionBytes > 0)
        {
            WriteFieldHeader(writer, sessionField, sessionBytes);
            Encoding.UTF8.GetBytes(session, writer);
        }

        if (data.Length > 0)
        {
            WriteFieldHeader(writer, dataField, data.Length);
            writer.Write(data);
        }

        context.Complete();
    }

    internal static FrameMessage Read(ReadOnlySequence<byte> payload, int sessionField, int dataField)
    {
        var message = new FrameMessage();
        try
        {
            var reader = new SequenceReader<byte>(payload);
            while (!reader.End)
            {
                var tag = ReadVarint(ref reader);
                var field = (int)(tag >> 3);
                var wireType = (int)(tag & 7);
                if (field == 0)
                {
                    throw Malformed("field number 0");
                }

                if (wireType == LengthDelimited && field == dataField)
                {
                    message.TakeCopy(ReadBytes(ref reader));
                }
                else if (wireType == LengthDelimited && field == sessionField)
                {
                    message.SessionId = Encoding.UTF8.GetString(ReadBytes(ref reader));
                }
                else
                {
                    Skip(ref reader, wireType);
                }
            }

            return message;
        }
        catch
        {
            message.Release();
            throw;
        }
    }

    private static ReadOnlySequence<byte> ReadBytes(ref SequenceReader<byte> reader)
    {
        var length = ReadVarint(ref reader);
        if (length > (ulong)reader.Remaining)
        {
            throw Malformed("a field longer than the message");
        }

        var bytes = reader.UnreadSequence.Slice(0, (long)length);
        reader.Advance((long)length);
        return bytes;
    }

    // Fields this version does not know are skipped, so that a newer peer can add some.
    private static void Skip(ref SequenceReader<byte> reader, int wireType)
    {
        switch (wireType)
        {
            case 0:
                _ = ReadVarint(ref reader);
                break;
            case 1 when reader.Remaining >= 8:
                reader.Advance(8);
                break;
            case LengthDelimited:
                _ = ReadBytes(ref reader);
                break;
            case 5 when reader.Remaining >= 4:
                reader.Advance(4);
                break;
            default:
                throw Malformed($"wire type {wireType}");
        }
    }

    private static ulong ReadVarint(ref SequenceReader<byte> reader)
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (!reader.TryRead(out var next))
            {
                throw Malformed("a number that is cut off");
            }

            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw Malformed("a number longer than ten bytes");
    }

    private static void WriteFieldHeader(IBufferWriter<byte> writer, int field, int length)
    {
        Span<byte> header = stackalloc byte[6];
        header[0] = (byte)((field << 3) | LengthDelimited);
        var used = 1;
        var rest = (uint)length;
        while (rest >= 0x80)
        {
            header[used++] = (byte)(rest | 0x80);
            rest >>= 7;
        }

        header[used++] = (byte)rest;
        writer.Write(header[..used]);
    }

    private static int VarintSize(int value)
    {
        var size = 1;
        for (var rest = (uint)value; rest >= 0x80; rest >>= 7)
        {
            size++;
        }

        return size;
    }

    private static RpcException Malformed(string what) =>
        new(new Status(StatusCode.InvalidArgument, $"The frame message is not valid protobuf: it has {what}."));
}
