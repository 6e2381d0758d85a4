// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>As many encoders as cores may work for one task: who has one may compute, others wait. Holds native contexts.</summary>
internal sealed class EncoderSlots : IDisposable
{
    private readonly FrameEncoder[] _all;
    private readonly Channel<FrameEncoder> _free;

    public EncoderSlots(int count, CompressionProfile profile, ContentKeys keys)
    {
        _all = new FrameEncoder[count];
        _free = Channel.CreateBounded<FrameEncoder>(count);
        for (var i = 0; i < count; i++)
        {
            _all[i] = new FrameEncoder(profile, keys);
            _free.Writer.TryWrite(_all[i]);
        }
    }

    public ValueTask<FrameEncoder> TakeAsync(CancellationToken cancellationToken) => _free.Reader.ReadAsync(cancellationToken);

    public void GiveBack(FrameEncoder encoder) => _free.Writer.TryWrite(encoder);

    /// <summary>Only when nobody computes any more.</summary>
    public void Dispose()
    {
        foreach (var encoder in _all)
        {
            encoder.Dispose();
        }
    }
}
