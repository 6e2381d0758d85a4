// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

/// <summary>What the manager has, apart from VMs and disks.</summary>
public sealed partial class EngineInventory
{
    private readonly EngineHttp _http;
    private readonly int _pageSize;

    internal EngineInventory(EngineHttp http, int pageSize)
    {
        _http = http;
        _pageSize = pageSize;
    }

    /// <summary>Product and version; also the connectivity test.</summary>
    public Task<EngineProduct> GetProductAsync(CancellationToken cancellationToken) =>
        _http.ReadAsync(EngineRequest.Get(string.Empty), EngineJson.Default.ApiDto, InventoryMapping.ToProduct, cancellationToken);

    public IAsyncEnumerable<DataCenter> ListDataCentersAsync(EngineSearch? search, CancellationToken cancellationToken) =>
        EnginePaging.ListAsync(
            _http, _pageSize, "datacenters", search, EngineJson.Default.WireListDataCenterDto, InventoryMapping.ToDataCenter, item => item.Id.Value, cancellationToken);

    public IAsyncEnumerable<Cluster> ListClustersAsync(EngineSearch? search, CancellationToken cancellationToken) =>
        EnginePaging.ListAsync(
            _http, _pageSize, "clusters", search, EngineJson.Default.WireListClusterDto, InventoryMapping.ToCluster, item => item.Id.Value, cancellationToken);

    public IAsyncEnumerable<Host> ListHostsAsync(EngineSearch? search, CancellationToken cancellationToken) =>
        EnginePaging.ListAsync(
            _http, _pageSize, "hosts", search, EngineJson.Default.WireListHostDto, InventoryMapping.ToHost, item => item.Id.Value, cancellationToken);

    /// <summary>All storage domains. Their status is known here only while unattached: see <see cref="ListStorageDomainsAsync(DataCenterId, CancellationToken)"/>.</summary>
    public IAsyncEnumerable<StorageDomain> ListStorageDomainsAsync(EngineSearch? search, CancellationToken cancellationToken) =>
        EnginePaging.ListAsync(
            _http, _pageSize, "storagedomains", search, EngineJson.Default.WireListStorageDomainDto, InventoryMapping.ToStorageDomain, item => item.Id.Value, cancellationToken);

    /// <summary>The storage domains attached to a data center, with the status they have there.</summary>
    public Task<IReadOnlyList<StorageDomain>> ListStorageDomainsAsync(DataCenterId dataCenter, CancellationToken cancellationToken) =>
        _http.ListAsync($"datacenters/{dataCenter}/storagedomains", EngineJson.Default.WireListStorageDomainDto, InventoryMapping.ToStorageDomain, cancellationToken);

    public Task<StorageDomain?> FindStorageDomainAsync(StorageDomainId storageDomain, CancellationToken cancellationToken) =>
        _http.FindAsync($"storagedomains/{storageDomain}", EngineJson.Default.StorageDomainDto, InventoryMapping.ToStorageDomain, cancellationToken);

    public IAsyncEnumerable<Template> ListTemplatesAsync(EngineSearch? search, CancellationToken cancellationToken) =>
        EnginePaging.ListAsync(
            _http, _pageSize, "templates", search, EngineJson.Default.WireListTemplateDto, InventoryMapping.ToTemplate, item => item.Id.Value, cancellationToken);

    public IAsyncEnumerable<Network> ListNetworksAsync(EngineSearch? search, CancellationToken cancellationToken) =>
        EnginePaging.ListAsync(
            _http, _pageSize, "networks", search, EngineJson.Default.WireListNetworkDto, InventoryMapping.ToNetwork, item => item.Id.Value, cancellationToken);

    /// <summary>All vNIC profiles. The engine cannot search these, so they come in one answer.</summary>
    public Task<IReadOnlyList<VnicProfile>> ListVnicProfilesAsync(CancellationToken cancellationToken) =>
        _http.ListAsync("vnicprofiles", EngineJson.Default.WireListVnicProfileDto, InventoryMapping.ToVnicProfile, cancellationToken);

    /// <summary>All tags. The engine cannot search these, so they come in one answer.</summary>
    public Task<IReadOnlyList<Tag>> ListTagsAsync(CancellationToken cancellationToken) =>
        _http.ListAsync("tags", EngineJson.Default.WireListTagDto, InventoryMapping.ToTag, cancellationToken);

    public Task<Tag> CreateTagAsync(string name, CorrelationId correlation, CancellationToken cancellationToken) =>
        _http.ReadAsync(
            EngineRequest.Post("tags", new JsonObject().Set("name", name), correlation), EngineJson.Default.TagDto, InventoryMapping.ToTag, cancellationToken);

    /// <summary>Deletes a tag. Idempotent.</summary>
    public async Task DeleteTagAsync(TagId tag, CorrelationId correlation, CancellationToken cancellationToken) =>
        await _http.SendAsync(EngineRequest.Delete($"tags/{tag}", correlation), cancellationToken);
}
