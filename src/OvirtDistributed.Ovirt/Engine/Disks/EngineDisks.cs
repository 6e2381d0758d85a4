// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Disks;

/// <summary>Disks of the manager.</summary>
public sealed class EngineDisks
{
    private readonly EngineHttp _http;
    private readonly EnginePoll _poll;
    private readonly int _pageSize;

    internal EngineDisks(EngineHttp http, EnginePoll poll, int pageSize)
    {
        _http = http;
        _poll = poll;
        _pageSize = pageSize;
    }

    /// <summary>All disks of the manager, by name, optionally those that match.</summary>
    public IAsyncEnumerable<Disk> ListAsync(EngineSearch? search, CancellationToken cancellationToken) =>
        EnginePaging.ListAsync(_http, _pageSize, "disks", search, EngineJson.Default.WireListDiskDto, DiskMapping.ToDisk, disk => disk.Id.Value, cancellationToken);

    /// <summary>Null when there is no such disk.</summary>
    public Task<Disk?> FindAsync(DiskId disk, CancellationToken cancellationToken) =>
        _http.FindAsync($"disks/{disk}", EngineJson.Default.DiskDto, DiskMapping.ToDisk, cancellationToken);

    /// <summary>The layers of a disk, the active one and (from 4.4.8) its template's included. Needs an engine of 4.4.3; older ones answer <see cref="OvirtError.NotFound"/>.</summary>
    public Task<IReadOnlyList<DiskSnapshot>> ListLayersAsync(DiskId disk, CancellationToken cancellationToken) =>
        _http.ListAsync(
            EngineQuery.With($"disks/{disk}/disksnapshots", ("include_active", "true"), ("include_template", "true")),
            EngineJson.Default.WireListDiskSnapshotDto,
            DiskMapping.ToDiskSnapshot,
            cancellationToken);

    /// <summary>Asks for a new disk. It is locked at first: see <see cref="WaitUntilOkAsync"/>.</summary>
    /// <remarks>Not repeated when the answer is lost (<see cref="OvirtException.MayHaveBeenCarriedOut"/>): with an id of one's own, look for it.</remarks>
    public Task<Disk> CreateAsync(CreateDisk request, CorrelationId correlation, CancellationToken cancellationToken) =>
        _http.ReadAsync(EngineRequest.Post("disks", request.ToBody(), correlation), EngineJson.Default.DiskDto, DiskMapping.ToDisk, cancellationToken);

    /// <summary>Changes a disk, floating or attached. Idempotent.</summary>
    public async Task UpdateAsync(DiskId disk, UpdateDisk change, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Put($"disks/{disk}", change.ToBody(), correlation), cancellationToken);

    /// <summary>Deletes a disk and its data. Idempotent: a disk that is gone is fine.</summary>
    public async Task DeleteAsync(DiskId disk, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Delete($"disks/{disk}", correlation), cancellationToken);

    /// <summary>Converts to another format (4.5 and later). Refused while a VM that uses it runs or while it has snapshots. Wait with <see cref="WaitUntilOkAsync"/>.</summary>
    public async Task ConvertAsync(DiskId disk, DiskFormat format, bool? sparse, CorrelationId correlation, CancellationToken cancellationToken)
    {
        var wanted = new JsonObject().Set("format", format == DiskFormat.Raw ? "raw" : "cow").Set("sparse", sparse);
        await _http.SendAsync(EngineRequest.Post($"disks/{disk}/convert", new JsonObject().Set("disk", wanted), correlation), cancellationToken);
    }

    /// <summary>Waits until the disk is ok.</summary>
    /// <remarks>The engine may hold a lock in memory a little longer: wait for the jobs of the correlation id too before the next call on the disk.</remarks>
    /// <exception cref="OvirtException">Illegal (<see cref="OvirtError.DiskIllegal"/>), gone (<see cref="OvirtError.NotFound"/>) or <see cref="OvirtError.Timeout"/>.</exception>
    public Task<Disk> WaitUntilOkAsync(DiskId disk, CancellationToken cancellationToken) =>
        _poll.UntilAsync(
            $"disk {disk} to become ok",
            _poll.Timeouts.DiskOk,
            async token =>
            {
                var found = await FindAsync(disk, token)
                    ?? throw new OvirtException(OvirtError.NotFound, $"Disk {disk} is gone while waiting for it to become ok.");
                return found.Status switch
                {
                    DiskStatus.Ok => PollResult<Disk>.Finished(found),
                    DiskStatus.Illegal => throw new OvirtException(OvirtError.DiskIllegal, $"Disk {found.Name} ({disk}) is illegal on the manager."),
                    _ => PollResult<Disk>.Waiting(found.Status.ToString()),
                };
            },
            cancellationToken);

    /// <summary>Waits until the disk is gone.</summary>
    public Task WaitUntilGoneAsync(DiskId disk, CancellationToken cancellationToken) =>
        _poll.UntilAsync(
            $"disk {disk} to be deleted",
            _poll.Timeouts.DiskOk,
            async token => await FindAsync(disk, token) is { } found
                ? PollResult<bool>.Waiting(found.Status.ToString())
                : PollResult<bool>.Finished(true),
            cancellationToken);
}
