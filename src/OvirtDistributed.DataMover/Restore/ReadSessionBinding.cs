// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Mover;

namespace OvirtDistributed.DataMover.Restore;

/// <summary>
/// The base class of the service <c>ReadSessionService</c>. Hand-written in place of the generated one because <c>ReadFrames</c>
/// answers <see cref="FrameMessage"/>; a test compares it with the .proto.
/// </summary>
[BindServiceMethod(typeof(ReadSessionBinding), nameof(Bind))]
internal abstract class ReadSessionBinding
{
    /// <summary>Called by the gRPC server through <see cref="BindServiceMethodAttribute"/>, with a null service to learn the methods.</summary>
    public static void Bind(ServiceBinderBase binder, ReadSessionBinding? service)
    {
        binder.AddMethod(
            new Method<OpenReadRequest, OpenReadResponse>(
                MethodType.Unary,
                ReadSessionService.Descriptor.FullName,
                nameof(OpenRead),
                FrameMethods.ProtobufMarshaller(OpenReadRequest.Parser),
                FrameMethods.ProtobufMarshaller(OpenReadResponse.Parser)),
            service is null ? null : new UnaryServerMethod<OpenReadRequest, OpenReadResponse>(service.OpenRead));
        binder.AddMethod(
            FrameMethods.ReadFrames,
            service is null ? null : new DuplexStreamingServerMethod<ReadFramesRequest, FrameMessage>(service.ReadFrames));
        binder.AddMethod(
            new Method<ReportBadContentRequest, ReportBadContentResponse>(
                MethodType.Unary,
                ReadSessionService.Descriptor.FullName,
                nameof(ReportBadContent),
                FrameMethods.ProtobufMarshaller(ReportBadContentRequest.Parser),
                FrameMethods.ProtobufMarshaller(ReportBadContentResponse.Parser)),
            service is null ? null : new UnaryServerMethod<ReportBadContentRequest, ReportBadContentResponse>(service.ReportBadContent));
        binder.AddMethod(
            new Method<CloseReadRequest, CloseReadResponse>(
                MethodType.Unary,
                ReadSessionService.Descriptor.FullName,
                nameof(CloseRead),
                FrameMethods.ProtobufMarshaller(CloseReadRequest.Parser),
                FrameMethods.ProtobufMarshaller(CloseReadResponse.Parser)),
            service is null ? null : new UnaryServerMethod<CloseReadRequest, CloseReadResponse>(service.CloseRead));
        binder.AddMethod(
            new Method<DescribeFramesRequest, DescribeFramesResponse>(
                MethodType.Unary,
                ReadSessionService.Descriptor.FullName,
                nameof(DescribeFrames),
                FrameMethods.ProtobufMarshaller(DescribeFramesRequest.Parser),
                FrameMethods.ProtobufMarshaller(DescribeFramesResponse.Parser)),
            service is null ? null : new UnaryServerMethod<DescribeFramesRequest, DescribeFramesResponse>(service.DescribeFrames));
        binder.AddMethod(
            new Method<RepairFramesRequest, RepairFramesResponse>(
                MethodType.Unary,
                ReadSessionService.Descriptor.FullName,
                nameof(RepairFrames),
                FrameMethods.ProtobufMarshaller(RepairFramesRequest.Parser),
                FrameMethods.ProtobufMarshaller(RepairFramesResponse.Parser)),
            service is null ? null : new UnaryServerMethod<RepairFramesRequest, RepairFramesResponse>(service.RepairFrames));
    }

    public abstract Task<OpenReadResponse> OpenRead(OpenReadRequest request, ServerCallContext context);

    public abstract Task ReadFrames(IAsyncStreamReader<ReadFramesRequest> requests, IServerStreamWriter<FrameMessage> responses, ServerCallContext context);

    public abstract Task<ReportBadContentResponse> ReportBadContent(ReportBadContentRequest request, ServerCallContext context);

    public abstract Task<CloseReadResponse> CloseRead(CloseReadRequest request, ServerCallContext context);

    public abstract Task<DescribeFramesResponse> DescribeFrames(DescribeFramesRequest request, ServerCallContext context);

    public abstract Task<RepairFramesResponse> RepairFrames(RepairFramesRequest request, ServerCallContext context);
}
