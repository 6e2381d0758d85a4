// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace OvirtDistributed.Hosting.Mover;

/// <summary>What a service that receives or sends bulk data needs of its server beyond the common listener settings.</summary>
public static class BulkTransport
{
    /// <summary>Gives Kestrel 64 KiB buffer blocks instead of 4 KiB ones.</summary>
    /// <param name="services">The service's container.</param>
    /// <param name="keepBytes">Buffer memory that stays allocated when connections are idle.</param>
    public static IServiceCollection AddBulkBuffers(this IServiceCollection services, long keepBytes) =>
        services.AddSingleton<IMemoryPoolFactory<byte>>(new Factory((int)Math.Max(16, keepBytes / BlockMemoryPool.BlockBytes)));

    private sealed class Factory(int keepBlocks) : IMemoryPoolFactory<byte>, IDisposable
    {
        // One pool for all of Kestrel's queues: the bound is the service's, not one per processor.
        private readonly BlockMemoryPool _pool = new(keepBlocks);

        public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Shared(_pool);

        public void Dispose() => _pool.Dispose();
    }

    /// <summary>Kestrel disposes what the factory made; the blocks belong to the service.</summary>
    private sealed class Shared(BlockMemoryPool pool) : MemoryPool<byte>
    {
        public override int MaxBufferSize => pool.MaxBufferSize;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => pool.Rent(minBufferSize);

        protected override void Dispose(bool disposing)
        {
        }
    }
}
