// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;

namespace OvirtDistributed.Hosting.Mover;

/// <summary>
/// The two bulk calls of <c>ovirtdistributed.mover.v1</c> with <see cref="FrameMessage"/> in place of the generated data message.
/// Same names and same bytes as the .proto: any other gRPC client or server understands them.
/// </summary>
public static class FrameMethods
{
    public static Method<FrameMessage, PutFramesResponse> PutFrames { get; } = new(
        MethodType.DuplexStreaming,
        BackupSessionService.Descriptor.FullName,
        nameof(PutFrames),
        FrameMessageMarshaller.ForUpload,
        ProtobufMarshaller(PutFramesResponse.Parser));

    public static Method<ReadFramesRequest, FrameMessage> ReadFrames { get; } = new(
        MethodType.DuplexStreaming,
        ReadSessionService.Descriptor.FullName,
        nameof(ReadFrames),
        ProtobufMarshaller(ReadFramesRequest.Parser),
        FrameMessageMarshaller.ForDownload);

    /// <summary>The marshaller generated code would use, for hand-written bindings of the other calls.</summary>
    public static Marshaller<T> ProtobufMarshaller<T>(MessageParser<T> parser)
        where T : class, IMessage<T> => Marshallers.Create<T>(
            (message, context) =>
            {
                context.SetPayloadLength(message.CalculateSize());
                message.WriteTo(context.GetBufferWriter());
                context.Complete();
            },
            context => parser.ParseFrom(context.PayloadAsReadOnlySequence()));
}
