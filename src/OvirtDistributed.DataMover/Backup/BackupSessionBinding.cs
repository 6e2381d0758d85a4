// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Mover;

namespace OvirtDistributed.DataMover.Backup;

/// <summary>
/// The base class of the service <c>BackupSessionService</c>. Hand-written in place of the generated one because <c>PutFrames</c>
/// receives <see cref="FrameMessage"/>; a test compares it with the .proto.
/// </summary>
[BindServiceMethod(typeof(BackupSessionBinding), nameof(Bind))]
internal abstract class BackupSessionBinding
{
    /// <summary>Called by the gRPC server through <see cref="BindServiceMethodAttribute"/>, with a null service to learn the methods.</summary>
    public static void Bind(ServiceBinderBase binder, BackupSessionBinding? service)
    {
        binder.AddMethod(
            Unary(nameof(OpenSession), OpenSessionRequest.Parser, OpenSessionResponse.Parser),
            service is null ? null : new UnaryServerMethod<OpenSessionRequest, OpenSessionResponse>(service.OpenSession));
        binder.AddMethod(
            Define(MethodType.ServerStreaming, nameof(ListDurablePages), ListDurablePagesRequest.Parser, ListDurablePagesResponse.Parser),
            service is null ? null : new ServerStreamingServerMethod<ListDurablePagesRequest, ListDurablePagesResponse>(service.ListDurablePages));
        binder.AddMethod(
            Unary(nameof(Have), HaveRequest.Parser, HaveResponse.Parser),
            service is null ? null : new UnaryServerMethod<HaveRequest, HaveResponse>(service.Have));
        binder.AddMethod(
            FrameMethods.PutFrames,
            service is null ? null : new DuplexStreamingServerMethod<FrameMessage, PutFramesResponse>(service.PutFrames));
        binder.AddMethod(
            Unary(nameof(RecordPages), RecordPagesRequest.Parser, RecordPagesResponse.Parser),
            service is null ? null : new UnaryServerMethod<RecordPagesRequest, RecordPagesResponse>(service.RecordPages));
        binder.AddMethod(
            Unary(nameof(CompleteDisk), CompleteDiskRequest.Parser, CompleteDiskResponse.Parser),
            service is null ? null : new UnaryServerMethod<CompleteDiskRequest, CompleteDiskResponse>(service.CompleteDisk));
        binder.AddMethod(
            Unary(nameof(CloseSession), CloseSessionRequest.Parser, CloseSessionResponse.Parser),
            service is null ? null : new UnaryServerMethod<CloseSessionRequest, CloseSessionResponse>(service.CloseSession));
    }

    public abstract Task<OpenSessionResponse> OpenSession(OpenSessionRequest request, ServerCallContext context);

    public abstract Task ListDurablePages(
        ListDurablePagesRequest request, IServerStreamWriter<ListDurablePagesResponse> responses, ServerCallContext context);

    public abstract Task<HaveResponse> Have(HaveRequest request, ServerCallContext context);

    public abstract Task PutFrames(IAsyncStreamReader<FrameMessage> requests, IServerStreamWriter<PutFramesResponse> responses, ServerCallContext context);

    public abstract Task<RecordPagesResponse> RecordPages(RecordPagesRequest request, ServerCallContext context);

    public abstract Task<CompleteDiskResponse> CompleteDisk(CompleteDiskRequest request, ServerCallContext context);

    public abstract Task<CloseSessionResponse> CloseSession(CloseSessionRequest request, ServerCallContext context);

    private static Method<TRequest, TResponse> Unary<TRequest, TResponse>(
        string name, MessageParser<TRequest> request, MessageParser<TResponse> response)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> => Define(MethodType.Unary, name, request, response);

    private static Method<TRequest, TResponse> Define<TRequest, TResponse>(
        MethodType type, string name, MessageParser<TRequest> request, MessageParser<TResponse> response)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> => new(
            type,
            BackupSessionService.Descriptor.FullName,
            name,
            FrameMethods.ProtobufMarshaller(request),
            FrameMethods.ProtobufMarshaller(response));
}
