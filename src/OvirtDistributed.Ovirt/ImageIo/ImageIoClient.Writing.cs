// SPDX-License-Identifier: Apache-2.0

using System.Net.Http.Headers;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.ImageIo;

public sealed partial class ImageIoClient
{
    /// <summary>Writes at an offset. Durable only after <see cref="FlushAsync"/>. Idempotent: a write that breaks is sent again from its start.</summary>
    /// <exception cref="OvirtException">After <see cref="OvirtError.ImageFailed"/> everything since the last flush must be written again.</exception>
    public async Task WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offsetBytes);
        if (data.Length == 0)
        {
            return;
        }

        await WithLaneAsync(
            async (lane, token) =>
            {
                lane.HasUnflushedWrites = true;
                // A daemon without PATCH flush makes every write durable by itself.
                using var request = lane.Request(HttpMethod.Put, Features.Flush ? ImageLane.Unflushed : string.Empty);
                request.Content = new MemoryContent(data, lane.Guard);
                request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/octet-stream");
                request.Content.Headers.TryAddWithoutValidation("Content-Range", $"bytes {offsetBytes}-{offsetBytes + data.Length - 1}/*");
                return await SendWriteAsync(lane, request, "a write", token);
            },
            cancellationToken);
    }

    /// <summary>Makes a range read as zeroes. Needs <see cref="ImageFeatures.Zero"/>. Durable only after <see cref="FlushAsync"/>. Idempotent.</summary>
    public async Task ZeroAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offsetBytes);
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        Require(Features.Zero, "zero ranges");
        for (long done = 0; done < lengthBytes; done += MaxZeroBytes)
        {
            var offset = offsetBytes + done;
            var length = Math.Min(MaxZeroBytes, lengthBytes - done);
            await WithLaneAsync(
                (lane, token) =>
                {
                    lane.HasUnflushedWrites = true;
                    return PatchAsync(lane, $$"""{"op":"zero","offset":{{offset}},"size":{{length}},"flush":false}""", "a zero", token);
                },
                cancellationToken);
        }
    }

    /// <summary>Makes all completed writes and zeroes durable. Call it when none is running, before the transfer is finalized.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        if (!Features.Flush)
        {
            return;
        }

        // Each connection has its own backend in the daemon, so each is flushed; all are taken first, one flush at a time.
        await _flushing.WaitAsync(cancellationToken);
        var lanes = new List<ImageLane>(_lanes.Count);
        try
        {
            while (lanes.Count < _lanes.Count)
            {
                lanes.Add(await _lanes.RentAsync(cancellationToken));
            }

            foreach (var lane in lanes)
            {
                if (lane.HasUnflushedWrites)
                {
                    await ResumeAsync(lane, (lane, token) => PatchAsync(lane, """{"op":"flush"}""", "a flush", token), cancellationToken);
                    lane.HasUnflushedWrites = false;
                }
            }
        }
        finally
        {
            lanes.ForEach(_lanes.Return);
            _flushing.Release();
        }
    }

    private async Task<bool> PatchAsync(ImageLane lane, string body, string what, CancellationToken cancellationToken)
    {
        using var request = lane.Request(HttpMethod.Patch);
        request.Content = new MemoryContent(System.Text.Encoding.UTF8.GetBytes(body), lane.Guard);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return await SendWriteAsync(lane, request, what, cancellationToken);
    }

    private async Task<bool> SendWriteAsync(ImageLane lane, HttpRequestMessage request, string what, CancellationToken cancellationToken)
    {
        try
        {
            return await lane.SendAsync(
                request,
                what,
                _options.IdleTimeout,
                0,
                static async (response, _, token) =>
                {
                    // Read the empty body, so that the connection can be used again.
                    await ImageLane.ReadSmallAsync(response, token);
                    return true;
                },
                cancellationToken);
        }
        catch (BrokenConnectionException)
        {
            // The daemon closes after a refusal, often before the refusal could be read. OPTIONS asks whether the ticket still holds.
            await GetFeaturesAsync(lane, _options, cancellationToken);
            throw;
        }
    }

    private void Require(bool feature, string what)
    {
        if (!feature)
        {
            throw new OvirtException(OvirtError.Unsupported, $"ImageIO at {Endpoint} cannot {what} with this ticket.");
        }
    }
}
