// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

/// <summary>VMs and what belongs to them.</summary>
/// <remarks>Creating calls are not repeated when their answer is lost; see <see cref="OvirtException.MayHaveBeenCarriedOut"/>.</remarks>
public sealed partial class EngineVms
{
    private const string Details = "disk_attachments.disk,nics,tags";

    private readonly EngineHttp _http;
    private readonly EnginePoll _poll;
    private readonly int _pageSize;

    internal EngineVms(EngineHttp http, EnginePoll poll, int pageSize)
    {
        _http = http;
        _poll = poll;
        _pageSize = pageSize;
    }

    /// <summary>All VMs by name, optionally those that match. With details each has disks, NICs and tags, at some cost for the engine.</summary>
    public IAsyncEnumerable<Vm> ListAsync(EngineSearch? search, bool withDetails, CancellationToken cancellationToken) =>
        EnginePaging.ListAsync(
            _http,
            _pageSize,
            EngineQuery.With("vms", ("follow", withDetails ? Details : null)),
            search,
            EngineJson.Default.WireListVmDto,
            VmMapping.ToVm,
            vm => vm.Id.Value,
            cancellationToken);

    /// <summary>One VM without details; null when there is none.</summary>
    public Task<Vm?> FindAsync(VmId vm, CancellationToken cancellationToken) =>
        _http.FindAsync($"vms/{vm}", EngineJson.Default.VmDto, VmMapping.ToVm, cancellationToken);

    /// <summary>One VM with disks, NICs and tags; null when there is none.</summary>
    public async Task<Vm?> FindWithDetailsAsync(VmId vm, CancellationToken cancellationToken)
    {
        var path = EngineQuery.With($"vms/{vm}", ("follow", Details));
        if (await _http.FindAsync(path, EngineJson.Default.VmDto, VmMapping.ToVm, cancellationToken) is not { } found)
        {
            return null;
        }

        // An engine may answer without what it does not follow; then each list is read by itself.
        return found with
        {
            DiskAttachments = found.DiskAttachments is { } attachments && attachments.All(attachment => attachment.Disk is not null)
                ? attachments
                : await ListAttachmentsAsync(vm, cancellationToken),
            Nics = found.Nics ?? await ListNicsAsync(vm, cancellationToken),
            Tags = found.Tags ?? await ListTagsAsync(vm, cancellationToken),
        };
    }

    /// <summary>The OVF of the VM's current configuration.</summary>
    public async Task<string> GetOvfAsync(VmId vm, CancellationToken cancellationToken)
    {
        var path = EngineQuery.With($"vms/{vm}", ("all_content", "true"));
        var found = await _http.ReadAsync(EngineRequest.Get(path), EngineJson.Default.VmDto, VmMapping.ToVm, cancellationToken);
        return found.Ovf
            ?? throw new OvirtException(OvirtError.InvalidResponse, $"The manager sent no OVF for VM {found.Name} ({vm}).");
    }

    public Task<Vm> CreateAsync(CreateVm request, CorrelationId correlation, CancellationToken cancellationToken) =>
        CreateAsync(request.ToBody(), correlation, cancellationToken);

    /// <summary>Answers when the VM exists. Disks of the OVF that could not be attached do not fail it: compare the attachments afterwards.</summary>
    public Task<Vm> CreateFromOvfAsync(CreateVmFromOvf request, CorrelationId correlation, CancellationToken cancellationToken) =>
        CreateAsync(request.ToBody(), correlation, cancellationToken);

    public async Task UpdateAsync(VmId vm, UpdateVm change, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Put($"vms/{vm}", change.ToBody(), correlation), cancellationToken);

    public Task StartAsync(VmId vm, CorrelationId correlation, CancellationToken cancellationToken) =>
        ActAsync(vm, "start", [], correlation, cancellationToken);

    /// <summary>Asks the guest to end.</summary>
    public Task ShutdownAsync(VmId vm, CorrelationId correlation, CancellationToken cancellationToken) =>
        ActAsync(vm, "shutdown", [], correlation, cancellationToken);

    /// <summary>Power off. With force also while a backup of the VM runs.</summary>
    public Task StopAsync(VmId vm, bool force, CorrelationId correlation, CancellationToken cancellationToken) =>
        ActAsync(vm, "stop", new JsonObject().Set("force", force ? true : null), correlation, cancellationToken);

    /// <summary>Deletes the VM. Idempotent.</summary>
    /// <param name="vm">Which.</param>
    /// <param name="keepDisks">Detach the disks instead of deleting them with the VM.</param>
    /// <param name="force">Also when the VM is locked.</param>
    /// <param name="correlation">Names the call.</param>
    /// <param name="cancellationToken">The caller's.</param>
    public async Task DeleteAsync(VmId vm, bool keepDisks, bool force, CorrelationId correlation, CancellationToken cancellationToken)
    {
        var path = EngineQuery.With($"vms/{vm}", ("detach_only", keepDisks ? "true" : null), ("force", force ? "true" : null));
        await _http.SendAsync(EngineRequest.Delete(path, correlation), cancellationToken);
    }

    /// <summary>Waits for one of the wanted states.</summary>
    /// <exception cref="OvirtException">Gone (<see cref="OvirtError.NotFound"/>) or <see cref="OvirtError.Timeout"/>.</exception>
    public Task<Vm> WaitForStatusAsync(VmId vm, IReadOnlyCollection<VmStatus> wanted, CancellationToken cancellationToken) =>
        _poll.UntilAsync(
            $"VM {vm} to become {string.Join(" or ", wanted)}",
            _poll.Timeouts.VmStatus,
            async token =>
            {
                var found = await FindAsync(vm, token) ?? throw new OvirtException(OvirtError.NotFound, $"VM {vm} is gone while waiting for its status.");
                return wanted.Contains(found.Status) ? PollResult<Vm>.Finished(found) : PollResult<Vm>.Waiting(found.Status.ToString());
            },
            cancellationToken);

    /// <summary>Waits until the VM is gone.</summary>
    public Task WaitUntilGoneAsync(VmId vm, CancellationToken cancellationToken) =>
        _poll.UntilAsync(
            $"VM {vm} to be deleted",
            _poll.Timeouts.VmStatus,
            async token => await FindAsync(vm, token) is { } found ? PollResult<bool>.Waiting(found.Status.ToString()) : PollResult<bool>.Finished(true),
            cancellationToken);

    /// <summary>The VM's NICs, with the addresses their guest reports.</summary>
    public Task<IReadOnlyList<Nic>> ListNicsAsync(VmId vm, CancellationToken cancellationToken) =>
        _http.ListAsync(
            EngineQuery.With($"vms/{vm}/nics", ("follow", "reported_devices")), EngineJson.Default.WireListNicDto, VmMapping.ToNic, cancellationToken);

    public Task<Nic> AddNicAsync(VmId vm, NicSettings nic, CorrelationId correlation, CancellationToken cancellationToken) =>
        _http.ReadAsync(EngineRequest.Post($"vms/{vm}/nics", nic.ToBody(), correlation), EngineJson.Default.NicDto, VmMapping.ToNic, cancellationToken);

    public async Task UpdateNicAsync(VmId vm, NicId nic, NicSettings change, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Put($"vms/{vm}/nics/{nic}", change.ToBody(), correlation), cancellationToken);

    public async Task DeleteNicAsync(VmId vm, NicId nic, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Delete($"vms/{vm}/nics/{nic}", correlation), cancellationToken);

    public Task<IReadOnlyList<Tag>> ListTagsAsync(VmId vm, CancellationToken cancellationToken) =>
        _http.ListAsync($"vms/{vm}/tags", EngineJson.Default.WireListTagDto, InventoryMapping.ToTag, cancellationToken);

    /// <summary>Gives the VM an existing tag.</summary>
    public async Task AddTagAsync(VmId vm, string tag, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Post($"vms/{vm}/tags", new JsonObject().Set("name", tag), correlation), cancellationToken);

    public async Task RemoveTagAsync(VmId vm, TagId tag, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Delete($"vms/{vm}/tags/{tag}", correlation), cancellationToken);

    private Task<Vm> CreateAsync(JsonObject body, CorrelationId correlation, CancellationToken cancellationToken) =>
        _http.ReadAsync(EngineRequest.Post("vms", body, correlation), EngineJson.Default.VmDto, VmMapping.ToVm, cancellationToken);

    private async Task ActAsync(VmId vm, string action, JsonObject body, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Post($"vms/{vm}/{action}", body, correlation), cancellationToken);
}
