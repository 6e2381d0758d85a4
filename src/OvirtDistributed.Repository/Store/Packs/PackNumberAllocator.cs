// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store.Packs;

/// <summary>Hands out pack numbers, none of them twice (invariant 11): a block is reserved durably before its first is used.</summary>
internal sealed class PackNumberAllocator : IDisposable
{
    private const uint Block = 64;

    private readonly IStorageBackend _storage;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private uint _next;
    private uint _reserved;

    /// <param name="storage">Where the reservation is kept.</param>
    /// <param name="next">The first number that was never reserved, nor seen in a pack or run.</param>
    public PackNumberAllocator(IStorageBackend storage, uint next)
    {
        _storage = storage;
        _next = next;
        _reserved = next;
    }

    public async Task<uint> NextAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_next == _reserved)
            {
                if (_next > uint.MaxValue - Block)
                {
                    throw new RepositoryException(RepositoryError.NoSpace, "packs: all numbers are used up; start a new repository");
                }

                var content = TextEnvelope.Write(PackFormat.NumbersFormat, new PackNumbers(_next + Block), RepositoryJson.Default.PackNumbers);
                await _storage.PutAsync(PackFormat.NumbersName, content, StoragePutMode.Replace, cancellationToken);
                _reserved = _next + Block;
            }

            return _next++;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();
}
