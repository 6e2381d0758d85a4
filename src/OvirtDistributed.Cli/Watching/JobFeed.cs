// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using Grpc.Core;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Watching;

/// <summary>A job's changes until it ends. Outlives restarts of the backup server: the job does too.</summary>
internal sealed class JobFeed(ServerConnection server, TimeProvider time)
{
    /// <summary>Long enough for a restart with database migration; a server that stays away longer is a reason to stop waiting.</summary>
    public static readonly TimeSpan ReconnectLimit = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <summary>Yields the present state, then every change; the last one has an outcome.</summary>
    /// <exception cref="RpcException">The job does not exist, the caller may not see it, or the server stayed away.</exception>
    public async IAsyncEnumerable<JobUpdate> WatchAsync(string id, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var lastAnswer = time.GetTimestamp();
        var pause = TimeSpan.FromMilliseconds(500);
        while (true)
        {
            using var call = server.Jobs.WatchJob(new WatchJobRequest { Id = id }, cancellationToken: cancellationToken);
            RpcException? lost = null;
            while (lost is null)
            {
                Job? job;
                (job, lost) = await NextAsync(call, cancellationToken);
                if (job is null)
                {
                    break;
                }

                lastAnswer = time.GetTimestamp();
                pause = TimeSpan.FromMilliseconds(500);
                yield return new JobUpdate(job, null);
                if (JobText.HasEnded(job))
                {
                    yield break;
                }
            }

            if (time.GetElapsedTime(lastAnswer) + pause > ReconnectLimit)
            {
                throw lost ?? new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, $"The backup server keeps ending the watch of job {id} before the job has ended."));
            }

            yield return new JobUpdate(null, $"No connection to {server.Address}; the job goes on, trying again.");
            await Task.Delay(pause, time, cancellationToken);
            pause = pause * 2 > LongestPause ? LongestPause : pause * 2;
        }
    }

    /// <summary>The next state; no state and no failure at the end of the stream; the failure when the connection was lost.</summary>
    private static async Task<(Job? Job, RpcException? Lost)> NextAsync(
        AsyncServerStreamingCall<WatchJobResponse> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call.ResponseStream.MoveNext(cancellationToken) ? (call.ResponseStream.Current.Job, null) : (null, null);
        }
        catch (RpcException failure) when (TransportFailure.IsConnectionLoss(failure) && !cancellationToken.IsCancellationRequested)
        {
            return (null, failure);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // A call that could not start, and one that a stopping server ends, both come as cancelled; the status tells them apart.
            return (null, new RpcException(EndOf(call)));
        }
    }

    private static Grpc.Core.Status EndOf(AsyncServerStreamingCall<WatchJobResponse> call)
    {
        try
        {
            var status = call.GetStatus();
            if (status.StatusCode is not (StatusCode.OK or StatusCode.Cancelled))
            {
                return status;
            }
        }
        catch (InvalidOperationException)
        {
            // The call has no status yet: it was given up before it had ended.
        }

        return new Grpc.Core.Status(StatusCode.Unavailable, "The backup server ended the watch because it stops.");
    }
}
