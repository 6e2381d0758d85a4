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
    private PackNumberAllocator(IStorageBackend storage, uint next)
    {
        _storage = storage;
        _next = next;
        _reserved = next;
    }

    /// <summary>Goes on behind all numbers that were reserved or seen.</summary>
    /// <param name="storage">Where the reservation is kept.</param>
    /// <param name="highest">The highest number seen in a pack or run.</param>
    /// <param name="problems">Gets what an operator should know.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<PackNumberAllocator> OpenAsync(IStorageBackend storage, uint highest, List<string> problems, CancellationToken cancellationToken)
    {
        var next = highest + 1;
        var content = await RepositoryFile.ReadTextAsync(storage, PackFormat.NumbersName, cancellationToken);
        if (content is null)
        {
            return new PackNumberAllocator(storage, next);
        }

        try
        {
            var numbers = TextEnvelope.Read(PackFormat.NumbersName, content, PackFormat.NumbersFormat, RepositoryJson.Default.PackNumbers);
            return new PackNumberAllocator(storage, Math.Max(next, numbers.Next));
        }
        catch (RepositoryException exception) when (exception.Error == RepositoryError.Damaged)
        {
            // Far beyond anything a lost reservation can hold.
            problems.Add($"{exception.Message}; pack numbers go on from {next + 65536}");
            return new PackNumberAllocator(storage, next + 65536);
        }
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
