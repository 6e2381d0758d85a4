// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace OvirtDistributed.Repository.Frames;

/// <summary>Owns one compression or decompression context, about 0.5 MiB of native memory. One thread at a time.</summary>
internal sealed class ZstdContext : SafeHandle
{
    private readonly bool _compresses;

    private ZstdContext(nint context, bool compresses)
        : base(0, ownsHandle: true)
    {
        _compresses = compresses;
        SetHandle(context);
        if (IsInvalid)
        {
            throw new InvalidOperationException("libzstd could not allocate a context: out of memory");
        }
    }

    public override bool IsInvalid => handle == 0;

    public static ZstdContext ForCompression() => new(Zstd.CreateCompressor(), compresses: true);

    public static ZstdContext ForDecompression() => new(Zstd.CreateDecompressor(), compresses: false);

    protected override bool ReleaseHandle()
    {
        _ = _compresses ? Zstd.FreeCompressor(handle) : Zstd.FreeDecompressor(handle);
        return true;
    }
}
