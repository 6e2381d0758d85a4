// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>An exported volume that is read. It is a full copy: nobody knows what of it changed.</summary>
internal sealed class ExportSource(IExportImage image) : IDiskSource
{
    public long SizeBytes => image.SizeBytes;

    public int Connections => ExportDomainDisks.Requests;

    public string Route => ExportDomainDisks.Route;

    public bool ReadsUnchanged => true;

    public IAsyncEnumerable<SourceExtent> ListExtentsAsync(bool changes, CancellationToken cancellationToken) => image.ListExtentsAsync(cancellationToken);

    public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) => image.ReadAsync(offset, destination, cancellationToken);

    public ValueTask DisposeAsync() => image.DisposeAsync();
}
