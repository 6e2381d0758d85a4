// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Transports.Nbd;

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>A qcow2 volume, served by a qemu-nbd of this machine. It stands alone: one that leads to another file is refused.</summary>
internal sealed class Qcow2Image : IExportImage
{
    // qemu-nbd answers each connection's requests at the same time too; several make use of several cores.
    private const int Clients = 4;
    private const uint Magic = 0x514649FB;
    private const ulong ExternalData = 1 << 2;
    private const int HeaderBytes = 104;

    private readonly LocalNbdServer _server;
    private readonly NbdConnections _disk;

    private Qcow2Image(LocalNbdServer server, NbdConnections disk)
    {
        _server = server;
        _disk = disk;
    }

    public long SizeBytes => _disk.SizeBytes;

    /// <exception cref="TaskFailureException">It cannot be served, or is more than one file.</exception>
    public static async Task<Qcow2Image> OpenAsync(QemuPrograms programs, string path, TimeProvider time, CancellationToken cancellationToken)
    {
        RefuseOtherFiles(path);
        return await ServeAsync(programs, path, writable: false, time, cancellationToken);
    }

    /// <summary>A new image of a disk of that size, empty.</summary>
    /// <exception cref="TaskFailureException">It cannot be made or served.</exception>
    public static async Task<Qcow2Image> CreateAsync(QemuPrograms programs, string path, long sizeBytes, TimeProvider time, CancellationToken cancellationToken)
    {
        await programs.RunImageToolAsync(["create", "-q", "-f", "qcow2", "-o", "compat=1.1", path, sizeBytes.ToString(CultureInfo.InvariantCulture)], time, cancellationToken);
        try
        {
            ExportFile.Own(path, folder: false);
        }
        catch (IOException failure)
        {
            throw new TaskFailureException(FailureCode.TargetFailed, failure.Message, failure);
        }

        return await ServeAsync(programs, path, writable: true, time, cancellationToken);
    }

    public async IAsyncEnumerable<SourceExtent> ListExtentsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var extent in _disk.ReadExtentsAsync(cancellationToken))
        {
            yield return new SourceExtent(extent.Offset, extent.Length, extent.IsZero, IsDirty: true);
        }
    }

    public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) => _disk.ReadAsync(offset, destination, cancellationToken);

    public Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) => _disk.WriteAsync(offset, data, cancellationToken);

    public Task ZeroAsync(long offset, long length, CancellationToken cancellationToken) => _disk.ZeroAsync(offset, length, punchHole: true, cancellationToken);

    public Task FlushAsync(CancellationToken cancellationToken) => _disk.FlushAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _disk.DisposeAsync();
        await _server.DisposeAsync();
    }

    /// <summary>A header can name a backing file or a data file anywhere on this machine: only a volume that stands alone is opened.</summary>
    private static void RefuseOtherFiles(string path)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        header.Clear();
        try
        {
            using var handle = File.OpenHandle(path);
            _ = RandomAccess.Read(handle, header, 0);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TaskFailureException(FailureCode.SourceFailed, $"Volume {path} could not be opened: {failure.Message}", failure);
        }

        if (BinaryPrimitives.ReadUInt32BigEndian(header) != Magic)
        {
            throw new TaskFailureException(FailureCode.SourceFailed, $"Volume {path} is no qcow2 image, as the manager says it is.");
        }

        var backing = BinaryPrimitives.ReadUInt64BigEndian(header[8..]) != 0;
        var external = BinaryPrimitives.ReadUInt32BigEndian(header[4..]) >= 3 && (BinaryPrimitives.ReadUInt64BigEndian(header[72..]) & ExternalData) != 0;
        if (backing || external)
        {
            throw new TaskFailureException(
                FailureCode.SourceFailed, $"Volume {path} leads to another file ({(backing ? "a backing file" : "a data file")}), and an exported one stands alone: nothing was read.");
        }
    }

    private static async Task<Qcow2Image> ServeAsync(QemuPrograms programs, string path, bool writable, TimeProvider time, CancellationToken cancellationToken)
    {
        var node = new JsonObject
        {
            ["driver"] = "qcow2",
            ["backing"] = null,
            ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = path },
        };
        var side = writable ? FailureCode.TargetFailed : FailureCode.SourceFailed;
        var server = await LocalNbdServer.StartAsync(programs.Server, $"json:{node.ToJsonString()}", writable, Clients, side, time, cancellationToken);
        try
        {
            return new Qcow2Image(server, await NbdConnections.OpenAsync(
                server.SocketPath, Clients, (verb, offset, failure) => server.Failure($"Volume {path} could not be {verb} at byte {offset}", failure), cancellationToken));
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }
}
