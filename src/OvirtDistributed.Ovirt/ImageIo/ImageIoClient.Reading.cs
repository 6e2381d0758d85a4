// SPDX-License-Identifier: Apache-2.0

using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.ImageIo;

public sealed partial class ImageIoClient
{
    private const int ExtentBufferBytes = 64 * 1024;

    // One token of an extent is a few dozen bytes; a buffer that fills without one is not an extent list.
    private const int MaxExtentTokenBytes = 1024 * 1024;

    /// <summary>Fills <paramref name="destination"/> from <paramref name="offsetBytes"/> on, completely or not at all successfully.</summary>
    /// <remarks>Straight into the caller's memory. A read that breaks goes on at the first missing byte. Aligned reads of 1 to 8 MiB are fastest.</remarks>
    /// <exception cref="OvirtException">What the memory holds then is undefined.</exception>
    public async Task ReadAsync(long offsetBytes, Memory<byte> destination, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offsetBytes);
        if (destination.Length == 0)
        {
            return;
        }

        var read = new RangedRead(this, offsetBytes, destination);
        await WithLaneAsync(read.ContinueAsync, cancellationToken);
    }

    /// <summary>The extents of the whole image in order, contiguous from 0 to its size. Streamed: memory does not grow with the list.</summary>
    /// <remarks>
    /// A consumer that pauses for long stalls the call: spool the list where work on an extent takes time.
    /// A list that breaks off throws and must be read again from the start.
    /// </remarks>
    /// <exception cref="OvirtException"><see cref="OvirtError.Unsupported"/> when the ticket has no dirty extents.</exception>
    public async IAsyncEnumerable<ImageExtent> ReadExtentsAsync(ExtentContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        var pool = _control ?? _lanes;
        var lane = await pool.RentAsync(cancellationToken);
        try
        {
            using var answer = await ResumeAsync(lane, (lane, token) => OpenExtentsAsync(lane, context, token), cancellationToken);
            var pipe = PipeReader.Create(answer.Stream, new StreamPipeReaderOptions(bufferSize: ExtentBufferBytes, minimumReadSize: 4096));
            var reader = new ExtentReader(context);
            var extents = new List<ImageExtent>();
            while (!reader.IsComplete)
            {
                var isFinal = await ReadPieceAsync(pipe, reader, extents, answer, cancellationToken);
                foreach (var extent in extents)
                {
                    yield return extent;
                }

                extents.Clear();
                if (isFinal)
                {
                    break;
                }
            }

            await pipe.CompleteAsync();
            CheckSize(reader.EndBytes);
            Volatile.Write(ref _lastActivity, _timeProvider.GetTimestamp());
        }
        finally
        {
            pool.Return(lane);
        }
    }

    private async Task<LaneAnswer> OpenExtentsAsync(ImageLane lane, ExtentContext context, CancellationToken cancellationToken)
    {
        using var request = lane.Request(HttpMethod.Get, context == ExtentContext.Dirty ? "/extents?context=dirty" : "/extents?context=zero");
        return await lane.OpenAsync(request, "an extent list", _options.ExtentsTimeout, cancellationToken);
    }

    private static async Task<bool> ReadPieceAsync(
        PipeReader pipe, ExtentReader reader, List<ImageExtent> extents, LaneAnswer answer, CancellationToken cancellationToken)
    {
        var result = await answer.GuardAsync(pipe, static (pipe, token) => pipe.ReadAsync(token).AsTask(), cancellationToken);
        var consumed = reader.Read(result.Buffer, result.IsCompleted, extents);
        if (extents.Count == 0 && result.Buffer.Length > MaxExtentTokenBytes)
        {
            throw new OvirtException(OvirtError.InvalidResponse, "The extent list of ImageIO could not be understood: it holds a value longer than 1 MiB.");
        }

        pipe.AdvanceTo(consumed, result.Buffer.End);
        return result.IsCompleted;
    }

    private void CheckSize(long endBytes)
    {
        var before = Interlocked.CompareExchange(ref _sizeBytes, endBytes, -1);
        if (before >= 0 && before != endBytes)
        {
            throw new OvirtException(OvirtError.InvalidResponse, $"The extents of ImageIO end at {endBytes}, but the image has {before} bytes.");
        }
    }

    /// <summary>One read over all its resumes; remembers how far it came.</summary>
    private sealed class RangedRead(ImageIoClient client, long offsetBytes, Memory<byte> destination)
    {
        private int _done;

        public async Task<int> ContinueAsync(ImageLane lane, CancellationToken cancellationToken)
        {
            using var request = lane.Request(HttpMethod.Get);
            request.Headers.TryAddWithoutValidation("Range", $"bytes={offsetBytes + _done}-{offsetBytes + destination.Length - 1}");
            return await lane.SendAsync(
                request, "a read", client._options.IdleTimeout, (Read: this, Lane: lane), static (response, state, token) => state.Read.FillAsync(response, state.Lane, token), cancellationToken);
        }

        private async Task<int> FillAsync(HttpResponseMessage response, ImageLane lane, CancellationToken cancellationToken)
        {
            Check(response);
            await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            while (_done < destination.Length)
            {
                var read = await stream.ReadAsync(destination[_done..], cancellationToken);
                if (read == 0)
                {
                    throw new IOException("the answer ended before its announced length");
                }

                _done += read;
                lane.Guard.Progress();
            }

            return _done;
        }

        private void Check(HttpResponseMessage response)
        {
            var start = offsetBytes + _done;
            var end = offsetBytes + destination.Length - 1;
            var range = response.Content.Headers.ContentRange;
            if (response.StatusCode != HttpStatusCode.PartialContent
                || range is not { HasRange: true, From: { } from, To: { } to }
                || from != start
                || to != end
                || response.Content.Headers.ContentLength != end - start + 1)
            {
                throw new OvirtException(
                    OvirtError.InvalidResponse,
                    $"ImageIO was asked for bytes {start}-{end} and answered {(int)response.StatusCode} with range {range} and length {response.Content.Headers.ContentLength}.");
            }

            if (range.HasLength)
            {
                client.LearnSize(response);
            }
        }
    }
}
