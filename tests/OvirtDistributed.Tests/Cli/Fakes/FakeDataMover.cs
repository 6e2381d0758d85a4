// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Listening;
using OvirtDistributed.Hosting.Telemetry;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Tests.Shared;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli.Fakes;

/// <summary>A Data Mover with one disk and read sessions alone, over real HTTP/2. Frames come in messages that end anywhere.</summary>
internal sealed class FakeDataMover : IAsyncDisposable
{
    private readonly WebApplication _application;

    private FakeDataMover(WebApplication application, State shared)
    {
        _application = application;
        Shared = shared;
        Address = application.GrpcAddress().ToString().TrimEnd('/');
    }

    public State Shared { get; }

    public string Address { get; }

    public static async Task<FakeDataMover> StartAsync(StoredDisk disk)
    {
        var shared = new State(disk);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration["Logging:Console:Disabled"] = "true";
        builder.AddServiceDefaults("fake-mover");
        builder.ListenOn(new ServiceListenOptions(), null);
        builder.Services.AddSingleton(shared);
        var application = builder.Build();
        application.MapGrpcService<Reads>();
        await application.StartAsync().WithinDeadline();
        return new FakeDataMover(application, shared);
    }

    public async ValueTask DisposeAsync() => await _application.DisposeAsync().AsTask().WithinDeadline();

    internal sealed class State(StoredDisk disk)
    {
        public StoredDisk Disk { get; } = disk;

        public bool Encrypted { get; set; }

        public DiskRoot Root { get; set; } = new() { Digest = ByteString.CopyFrom(disk.Root.Digest.ToArray()), Levels = disk.Root.Levels, SizeBytes = disk.Root.DiskSize };

        public ConcurrentQueue<OpenReadRequest> Opened { get; } = new();

        public ConcurrentQueue<string> Closed { get; } = new();

        /// <summary>Streams to cut after the first frame asked for, and how many were.</summary>
        public int StreamsToCut;

        public int StreamsCut;

        /// <summary>Requests answered by "the session has ended", and how many were.</summary>
        public int SessionsToForget;

        public int SessionsForgotten;

        /// <summary>Runs before a request for frames is answered.</summary>
        public Func<CancellationToken, Task>? BeforeFrames { get; set; }
    }

    private sealed class Reads(State state) : ReadSessionService.ReadSessionServiceBase
    {
        private const int MessageBytes = 10_007;

        public override Task<OpenReadResponse> OpenRead(OpenReadRequest request, ServerCallContext context)
        {
            state.Opened.Enqueue(request);
            return Task.FromResult(new OpenReadResponse
            {
                ReadSessionId = $"session-{state.Opened.Count}",
                Root = state.Root,
                Parameters = new RepositoryParameters { Encrypted = state.Encrypted },
                IdleTimeoutSeconds = 60,
            });
        }

        public override Task<CloseReadResponse> CloseRead(CloseReadRequest request, ServerCallContext context)
        {
            state.Closed.Enqueue(request.ReadSessionId);
            return Task.FromResult(new CloseReadResponse());
        }

        public override async Task ReadFrames(
            IAsyncStreamReader<ReadFramesRequest> requestStream, IServerStreamWriter<ReadFramesResponse> responseStream, ServerCallContext context)
        {
            while (await requestStream.MoveNext(context.CancellationToken))
            {
                if (state.BeforeFrames is { } before)
                {
                    await before(context.CancellationToken);
                }

                if (Interlocked.Decrement(ref state.SessionsToForget) >= 0)
                {
                    Interlocked.Increment(ref state.SessionsForgotten);
                    throw new OperatorException(FailureKind.WrongState, "The read session has ended.") { Reason = "session-ended" };
                }

                var bytes = Frames(requestStream.Current.Digests.Span);
                var cut = Interlocked.Decrement(ref state.StreamsToCut) >= 0;
                for (var at = 0; at < bytes.Length; at += MessageBytes)
                {
                    var length = Math.Min(MessageBytes, bytes.Length - at);
                    await responseStream.WriteAsync(
                        new ReadFramesResponse { Data = ByteString.CopyFrom(bytes, at, cut ? length / 2 : length) }, context.CancellationToken);
                    if (cut)
                    {
                        Interlocked.Increment(ref state.StreamsCut);
                        context.GetHttpContext().Abort();
                        return;
                    }
                }
            }
        }

        private byte[] Frames(ReadOnlySpan<byte> digests)
        {
            var bytes = new List<byte>();
            for (; digests.Length > 0; digests = digests[ChunkDigest.Size..])
            {
                var digest = new ChunkDigest(digests);
                if (!state.Disk.Frames.TryGetValue(digest, out var frame))
                {
                    throw new OperatorException(FailureKind.DataDamaged, $"Digest {digest} is in no live pack.");
                }

                bytes.AddRange(frame);
            }

            return [.. bytes];
        }
    }
}
