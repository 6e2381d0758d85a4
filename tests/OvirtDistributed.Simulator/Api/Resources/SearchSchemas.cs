// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Search;

namespace OvirtDistributed.Simulator.Api.Resources;

/// <summary>What each collection can be searched by.</summary>
internal sealed class SearchSchemas(EngineState state)
{
    public SearchSchema<Vm> Vms { get; } = new SearchSchema<Vm>()
        .Field(v => v.Name, "name")
        .Field(v => v.Id.ToString(), "id")
        .Field(v => v.Status, "status")
        .Field(v => v.Description, "description")
        .Field(v => v.Comment, "comment")
        .Field(v => v.Fqdn, "fqdn")
        .Field(v => state.Clusters.GetValueOrDefault(v.ClusterId)?.Name, "cluster", "cluster.name", "clusters.name")
        .Field(v => state.DataCenterOf(v)?.Name, "datacenter", "datacenter.name", "datacenters.name")
        .Field(v => v.HostId is { } h ? state.Hosts.GetValueOrDefault(h)?.Name : null, "on_host", "host", "host.name", "hosts.name")
        .Field(v => v.Tags.Select(t => state.Tags.GetValueOrDefault(t)?.Name), "tag")
        .Field(v => state.Templates.GetValueOrDefault(v.TemplateId)?.Name, "template", "template.name", "templates.name")
        .Field(v => v.Stored.GetValueOrDefault("os")?.Value("type"), "os")
        .Field(v => v.Stored.GetValueOrDefault("type")?.Text, "type")
        .Field(v => state.Clusters.GetValueOrDefault(v.ClusterId)?.Version.ToString(2), "compatibility_level")
        .Field(v => state.Clusters.GetValueOrDefault(v.ClusterId)?.Architecture, "architecture")
        .Field(v => v.Attachments.Select(a => state.Disks.GetValueOrDefault(a.DiskId)).Select(d => d is null ? null : state.StorageDomains.GetValueOrDefault(d.StorageDomainId)?.Name), "storage", "storage.name")
        .Number(v => v.Memory >> 20, "memory")
        .Date(v => v.CreationTime, "creationdate");

    public SearchSchema<Disk> Disks { get; } = new SearchSchema<Disk>()
        .Field(d => d.Name, "name", "alias")
        .Field(d => d.Id.ToString(), "id")
        .Field(d => d.Status, "status")
        .Field(d => d.Description, "description")
        .Field(d => d.StorageType, "disk_type")
        .Field(d => d.ContentType, "disk_content_type")
        .Field(d => d.Sparse ? "sparse" : "preallocated", "allocation_policy")
        .Field(d => d.Shareable ? "true" : "false", "shareable")
        .Field(d => state.AttachmentsOf(d.Id).Select(a => a.Vm.Name), "vm_names", "vms.name")
        .Field(d => state.StorageDomains.GetValueOrDefault(d.StorageDomainId)?.Name, "storage", "storage.name")
        .Number(d => state.AttachmentsOf(d.Id).Count(), "number_of_vms")
        .Number(d => d.ProvisionedSize, "provisioned_size", "size")
        .Number(d => d.ActualSize, "actual_size")
        .Date(d => d.CreationDate, "creation_date", "last_modified");

    public SearchSchema<EngineHost> Hosts { get; } = new SearchSchema<EngineHost>()
        .Field(h => h.Name, "name")
        .Field(h => h.Id.ToString(), "id")
        .Field(h => h.Address, "address")
        .Field(h => h.Status, "status")
        .Field(h => h.HardwareId.ToString(), "hw_id")
        .Field(h => state.Clusters.GetValueOrDefault(h.ClusterId)?.Name, "cluster", "cluster.name", "clusters.name")
        .Field(h => DataCenterOf(state, h.ClusterId)?.Name, "datacenter", "datacenter.name", "datacenters.name")
        .Field(h => state.Vms.Values.Where(v => v.HostId == h.Id).Select(v => v.Name), "vms.name")
        .Field(h => state.Vms.Values.Where(v => v.HostId == h.Id).Select(v => v.Status), "vms.status")
        .Field(_ => "ovirt_node", "type");

    public SearchSchema<Cluster> Clusters { get; } = new SearchSchema<Cluster>()
        .Field(c => c.Name, "name")
        .Field(c => c.Id.ToString(), "id")
        .Field(c => c.Description, "description")
        .Field(c => c.Comment, "comment")
        .Field(c => c.Architecture, "architecture")
        .Field(c => c.CpuType, "cpu_type")
        .Field(c => c.Version.ToString(2), "compatibility_level")
        .Field(c => state.DataCenters.GetValueOrDefault(c.DataCenterId)?.Name, "datacenter", "datacenter.name", "datacenters.name");

    public SearchSchema<DataCenter> DataCenters { get; } = new SearchSchema<DataCenter>()
        .Field(d => d.Name, "name")
        .Field(d => d.Id.ToString(), "id")
        .Field(d => d.Description, "description")
        .Field(d => d.Comment, "comment")
        .Field(d => d.Status, "status")
        .Field(d => state.StorageDomains.Values.Where(s => s.DataCenterId == d.Id).Select(s => s.Name), "storage", "storage.name")
        .Field(d => state.Clusters.Values.Where(c => c.DataCenterId == d.Id).Select(c => c.Name), "cluster", "clusters.name");

    public SearchSchema<StorageDomain> Domains { get; } = new SearchSchema<StorageDomain>()
        .Field(s => s.Name, "name")
        .Field(s => s.Id.ToString(), "id")
        .Field(s => s.Status, "status", "shared_status")
        .Field(s => s.Description, "description")
        .Field(s => s.Comment, "comment")
        .Field(s => s.StorageType, "type")
        .Field(s => s.Backup ? "true" : "false", "backup")
        .Field(s => s.DataCenterId is { } dc ? state.DataCenters.GetValueOrDefault(dc)?.Name : null, "datacenter", "datacenter.name", "datacenters.name")
        .Number(s => s.Capacity >> 30, "total_size")
        .Number(s => Used(state, s) >> 30, "used_size")
        .Number(s => (s.Capacity - Used(state, s)) >> 30, "free_size");

    public SearchSchema<Network> Networks { get; } = new SearchSchema<Network>()
        .Field(n => n.Name, "name")
        .Field(n => n.Id.ToString(), "id")
        .Field(n => n.Description, "description")
        .Field(n => state.DataCenters.GetValueOrDefault(n.DataCenterId)?.Name, "datacenter");

    public SearchSchema<Template> Templates { get; } = new SearchSchema<Template>()
        .Field(t => t.Name, "name")
        .Field(t => t.Id.ToString(), "id")
        .Field(t => t.Status, "status")
        .Field(t => t.Description, "description")
        .Field(t => t.Comment, "comment");

    public SearchSchema<EngineJob> Jobs { get; } = new SearchSchema<EngineJob>()
        .Field(j => j.Id.ToString(), "id")
        .Field(j => j.CorrelationId, "correlation_id")
        .Field(j => j.Status, "status")
        .Field(j => j.Description, "description")
        .Date(j => j.StartTime, "start_time");

    public SearchSchema<EngineEvent> Events { get; } = new SearchSchema<EngineEvent>()
        .Field(e => e.Code.ToString(CultureInfo.InvariantCulture), "type")
        .Field(e => e.Severity, "severity")
        .Field(e => e.Description, "message")
        .Field(e => e.CorrelationId, "correlation_id")
        .Field(e => e.Origin, "origin")
        .Number(e => e.CustomId, "custom_event_id")
        .Field(e => e.Subject.VmId is { } id ? state.Vms.GetValueOrDefault(id)?.Name : null, "event_vm", "vms.name")
        .Field(e => e.Subject.HostId is { } id ? state.Hosts.GetValueOrDefault(id)?.Name : null, "event_host")
        .Field(e => e.Subject.StorageDomainId is { } id ? state.StorageDomains.GetValueOrDefault(id)?.Name : null, "event_storage")
        .Field(e => e.Subject.DataCenterId is { } id ? state.DataCenters.GetValueOrDefault(id)?.Name : null, "event_datacenter")
        .Date(e => e.Time, "time");

    private static DataCenter? DataCenterOf(EngineState state, Guid clusterId) =>
        state.Clusters.TryGetValue(clusterId, out var cluster) ? state.DataCenters.GetValueOrDefault(cluster.DataCenterId) : null;

    private static long Used(EngineState state, StorageDomain domain) =>
        state.Disks.Values.Where(d => d.StorageDomainId == domain.Id).Sum(d => d.ActualSize);
}
