// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Restore;

/// <summary>A digest fed piece by piece; ready for the next message after <see cref="Finish"/>.</summary>
internal interface IStreamDigest : IDisposable
{
    int DigestBytes { get; }

    void Append(ReadOnlySpan<byte> data);

    /// <summary>Writes <see cref="DigestBytes"/> bytes and starts over.</summary>
    void Finish(Span<byte> digest);
}
