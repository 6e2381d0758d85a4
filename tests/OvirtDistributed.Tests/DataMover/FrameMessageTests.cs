// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Backup;
using OvirtDistributed.DataMover.Restore;
using OvirtDistributed.Hosting.Mover;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

public sealed class FrameMessageTests
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("session", 0)]
    [InlineData("", 1)]
    [InlineData("s", 127)]
    [InlineData("äöü-session", 128)]
    [InlineData("", 16_383)]
    [InlineData("", 16_384)]
    [InlineData("0123456789abcdef0123456789abcdef", 262_144)]
    public void UploadMessage_IsTheProtoMessage(string session, int length)
    {
        var data = new byte[length];
        new Random(length).NextBytes(data);

        var written = Write(FrameMethods.PutFrames.RequestMarshaller, new FrameMessage { SessionId = session, Data = data });
        var generated = new PutFramesRequest { SessionId = session, Data = ByteString.CopyFrom(data) };
        var read = Read(FrameMethods.PutFrames.RequestMarshaller, generated.ToByteArray(), 1000);

        Assert.Equal(generated, PutFramesRequest.Parser.ParseFrom(written));
        Assert.Equal(session, read.SessionId);
        Assert.True(data.AsSpan().SequenceEqual(read.Data.Span));
        read.Release();
        read.Release();
    }

    [Fact]
    public void DownloadMessage_IsTheProtoMessage()
    {
        var data = new byte[70_000];
        new Random(1).NextBytes(data);

        var written = Write(FrameMethods.ReadFrames.ResponseMarshaller, new FrameMessage { SessionId = "not sent", Data = data });
        var generated = new ReadFramesResponse { Data = ByteString.CopyFrom(data) };

        Assert.Equal(generated, ReadFramesResponse.Parser.ParseFrom(written));
        Assert.True(data.AsSpan().SequenceEqual(Read(FrameMethods.ReadFrames.ResponseMarshaller, generated.ToByteArray(), 7).Data.Span));
    }

    [Fact]
    public void UnknownFieldsAndRepeatedOnes_AreReadAsProtobufReadsThem()
    {
        // Field 15 as varint, fixed64, bytes and fixed32; data twice: the last one counts.
        byte[] message = [0x78, 0x96, 0x01, 0x12, 0x02, 9, 9, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7A, 0x01, 0xFF, 0x12, 0x03, 1, 2, 3, 0x7D, 0, 0, 0, 0, 0x0A, 0x01, 0x78];

        for (var segment = 1; segment <= message.Length; segment++)
        {
            var read = Read(FrameMethods.PutFrames.RequestMarshaller, message, segment);

            Assert.Equal("x", read.SessionId);
            Assert.Equal([1, 2, 3], read.Data.ToArray());
        }

        Assert.Equal([1, 2, 3], PutFramesRequest.Parser.ParseFrom(message).Data.ToByteArray());
    }

    [Fact]
    public void BrokenMessages_AreRefusedAsInvalid()
    {
        byte[][] broken =
        [
            [0x12], [0x12, 0x05, 1], [0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0x00, 0x01], [0x7B], [0x79, 1, 2], [0x7D, 1],
            [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
        ];

        foreach (var message in broken)
        {
            var failure = Assert.Throws<RpcException>(() => Read(FrameMethods.PutFrames.RequestMarshaller, message, 2));
            Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
        }
    }

    [Fact]
    public void RandomBytes_AreReadOrRefused()
    {
        var random = new Random(4242);
        for (var round = 0; round < 20_000; round++)
        {
            var message = new byte[random.Next(40)];
            random.NextBytes(message);
            try
            {
                Read(FrameMethods.PutFrames.RequestMarshaller, message, random.Next(1, 8)).Release();
            }
            catch (RpcException failure)
            {
                Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
            }
        }
    }

    [Fact]
    public void HandWrittenBindings_MatchTheProto()
    {
        var bound = new Binder();
        BackupSessionBinding.Bind(bound, null);
        ReadSessionBinding.Bind(bound, null);

        var defined = new[] { BackupSessionService.Descriptor, ReadSessionService.Descriptor }
            .SelectMany(service => service.Methods)
            .Select(method => $"/{method.Service.FullName}/{method.Name} {TypeOf(method)}");

        Assert.Equal(defined.Order(StringComparer.Ordinal), bound.Methods.Order(StringComparer.Ordinal));
    }

    private static MethodType TypeOf(MethodDescriptor method) => (method.IsClientStreaming, method.IsServerStreaming) switch
    {
        (false, false) => MethodType.Unary,
        (true, false) => MethodType.ClientStreaming,
        (false, true) => MethodType.ServerStreaming,
        _ => MethodType.DuplexStreaming,
    };

    private static byte[] Write(Marshaller<FrameMessage> marshaller, FrameMessage message)
    {
        var context = new WriteContext();
        marshaller.ContextualSerializer(message, context);
        Assert.True(context.Completed);
        Assert.Equal(context.Announced, context.Buffer.WrittenCount);
        return context.Buffer.WrittenSpan.ToArray();
    }

    private static FrameMessage Read(Marshaller<FrameMessage> marshaller, byte[] message, int segmentBytes) =>
        marshaller.ContextualDeserializer(new ReadContext(Segments.Of(message, segmentBytes)));

    private sealed class WriteContext : SerializationContext
    {
        public ArrayBufferWriter<byte> Buffer { get; } = new();

        public int Announced { get; private set; }

        public bool Completed { get; private set; }

        public override void SetPayloadLength(int payloadLength) => Announced = payloadLength;

        public override IBufferWriter<byte> GetBufferWriter() => Buffer;

        public override void Complete() => Completed = true;
    }

    private sealed class ReadContext(ReadOnlySequence<byte> payload) : DeserializationContext
    {
        public override int PayloadLength => (int)payload.Length;

        public override byte[] PayloadAsNewBuffer() => payload.ToArray();

        public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => payload;
    }

    private sealed class Segments : ReadOnlySequenceSegment<byte>
    {
        private Segments(ReadOnlyMemory<byte> memory, long runningIndex)
        {
            Memory = memory;
            RunningIndex = runningIndex;
        }

        public static ReadOnlySequence<byte> Of(byte[] bytes, int segmentBytes)
        {
            var first = new Segments(bytes.AsMemory(0, Math.Min(segmentBytes, bytes.Length)), 0);
            var last = first;
            for (var at = segmentBytes; at < bytes.Length; at += segmentBytes)
            {
                var next = new Segments(bytes.AsMemory(at, Math.Min(segmentBytes, bytes.Length - at)), at);
                last.Next = next;
                last = next;
            }

            return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
        }
    }

    private sealed class Binder : ServiceBinderBase
    {
        public List<string> Methods { get; } = [];

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) => Add(method);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler) => Add(method);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler) => Add(method);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler) => Add(method);

        private void Add(IMethod method) => Methods.Add($"{method.FullName} {method.Type}");
    }
}
