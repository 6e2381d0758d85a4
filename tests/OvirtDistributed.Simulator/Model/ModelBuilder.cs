// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Model;

/// <summary>Fills an engine and its storage from a model, before any client is let in.</summary>
internal sealed class ModelBuilder(EngineContext engine, SimulatorModel model)
{
    private const long Block = 1L << 20;
    private readonly SeededIds _ids = new(model.Seed);
    private readonly Dictionary<string, Guid> _tags = new(StringComparer.Ordinal);
    private long _nextMac;

    private EngineState State => engine.State;

    public async Task BuildAsync(CancellationToken cancellationToken)
    {
        AddFixed();
        foreach (var name in model.Tags.Concat(model.DataCenters.SelectMany(d => d.Clusters).SelectMany(c => c.Vms).SelectMany(v => v.Tags)).Distinct(StringComparer.Ordinal))
        {
            var tag = new Tag { Id = _ids.Id("tag", name), Name = name, ParentId = Guid.Empty };
            State.Tags.Add(tag.Id, tag);
            _tags[name] = tag.Id;
        }

        foreach (var dataCenter in model.DataCenters)
        {
            await AddAsync(dataCenter, cancellationToken);
        }
    }

    private void AddFixed()
    {
        State.Templates.Add(EngineState.BlankTemplateId, new Template
        {
            Id = EngineState.BlankTemplateId,
            Name = "Blank",
            Description = "Blank template",
            CreationTime = new DateTimeOffset(2008, 4, 1, 0, 0, 0, TimeSpan.Zero),
        });
        State.Tags.Add(Guid.Empty, new Tag { Id = Guid.Empty, Name = "root", Description = "root" });
        var pool = new MacPool
        {
            Id = _ids.Id("macpool", "Default"),
            Name = "Default",
            Description = "Default MAC pool",
            IsDefault = true,
            First = MacAddress.DefaultFirst,
            Last = MacAddress.DefaultFirst + 0xFFFF,
        };
        State.MacPools.Add(pool.Id, pool);
    }

    private async Task AddAsync(DataCenterModel source, CancellationToken cancellationToken)
    {
        var dc = new DataCenter { Id = _ids.Id("datacenter", source.Name), Name = source.Name, Description = "The default Data Center" };
        State.DataCenters.Add(dc.Id, dc);
        foreach (var name in source.Networks.Prepend("ovirtmgmt"))
        {
            var network = new Network { Id = _ids.Id("network", $"{source.Name}/{name}"), Name = name, DataCenterId = dc.Id, IsManagement = name == "ovirtmgmt" };
            State.Networks.Add(network.Id, network);
            var profile = new VnicProfile { Id = _ids.Id("vnicprofile", $"{source.Name}/{name}"), Name = name, NetworkId = network.Id };
            State.VnicProfiles.Add(profile.Id, profile);
        }

        foreach (var domain in source.Domains)
        {
            Add(dc, domain);
        }

        foreach (var cluster in source.Clusters)
        {
            await AddAsync(dc, cluster, cancellationToken);
        }
    }

    private void Add(DataCenter dc, DomainModel source)
    {
        var domain = new StorageDomain
        {
            Id = _ids.Id("storagedomain", $"{dc.Name}/{source.Name}"),
            Name = source.Name,
            StorageType = source.StorageType,
            Address = source.StorageType == "nfs" ? "nfs.example.com" : null,
            Type = source.Type,
            Path = source.StorageType == "nfs" ? source.Type == "export" ? $"/export/backup/{dc.Name}" : $"/export/{source.Name}" : null,
            StorageFormat = source.Type == "export" ? "v1" : "v5",
            DataCenterId = dc.Id,
            Master = source.Type == "data" && !State.StorageDomains.Values.Any(d => d.DataCenterId == dc.Id),
        };
        State.StorageDomains.Add(domain.Id, domain);
        if (source.Type == "export")
        {
            ExportFiles.Of(engine, domain).Format();
        }

        var profile = new DiskProfile { Id = _ids.Id("diskprofile", $"{dc.Name}/{source.Name}"), Name = source.Name, StorageDomainId = domain.Id };
        State.DiskProfiles.Add(profile.Id, profile);
    }

    private async Task AddAsync(DataCenter dc, ClusterModel source, CancellationToken cancellationToken)
    {
        var cluster = new Cluster
        {
            Id = _ids.Id("cluster", source.Name),
            Name = source.Name,
            Description = "The default server cluster",
            DataCenterId = dc.Id,
            Version = source.Level,
            MacPoolId = State.MacPools.Values.First().Id,
        };
        State.Clusters.Add(cluster.Id, cluster);
        for (var i = 1; i <= source.Hosts; i++)
        {
            var name = i <= source.HostNames.Count ? source.HostNames[i - 1] : $"{source.Name.ToLowerInvariant()}-host{i}";
            var host = new EngineHost
            {
                Id = _ids.Id("host", name),
                Name = name,
                ClusterId = cluster.Id,
                Address = engine.Options.AddressOf(name),
                HardwareId = _ids.Id("hardware", name),
                IsSpm = !State.Hosts.Values.Any(h => State.Clusters[h.ClusterId].DataCenterId == dc.Id),
            };
            State.Hosts.Add(host.Id, host);
        }

        foreach (var vm in source.Vms)
        {
            await AddAsync(dc, cluster, vm, cancellationToken);
        }
    }

    private async Task AddAsync(DataCenter dc, Cluster cluster, VmModel source, CancellationToken cancellationToken)
    {
        var vm = new Vm
        {
            Id = _ids.Id("vm", source.Name),
            Name = source.Name,
            ClusterId = cluster.Id,
            TemplateId = EngineState.BlankTemplateId,
            CreationTime = engine.Now,
            GuestAgent = source.GuestAgent,
            GuestAddresses = source.GuestAddresses,
        };
        VmDefaults.Fill(vm, cluster);
        vm.Stored["os"] = new WireNode("os")
            .Add(new WireNode("boot").Add(new WireNode("devices", WireKind.List).Add("device", "hd")))
            .Add("type", "rhel_9x64");
        vm.Snapshots.Add(new Snapshot
        {
            Id = _ids.Id("snapshot", source.Name),
            VmId = vm.Id,
            Description = "Active VM",
            Date = engine.Now,
            Type = "active",
            Status = SnapshotStatus.Ok,
        });
        State.Vms.Add(vm.Id, vm);
        vm.Tags.UnionWith(source.Tags.Select(t => _tags[t]));
        AddNics(dc, vm, source);
        for (var i = 0; i < source.Disks.Count; i++)
        {
            await AddAsync(dc, vm, source.Disks[i], i + 1, cancellationToken);
        }

        if (source.Running)
        {
            await engine.Storage.StartVmAsync(vm.Id, [.. vm.Attachments.Select(a => a.DiskId)], cancellationToken);
            vm.Status = VmStatus.Up;
            vm.StartTime = engine.Now;
            vm.Fqdn = $"{vm.Name}.example.com";
            vm.HostId = State.Hosts.Values.Where(h => h.ClusterId == cluster.Id)
                .MinBy(h => State.Vms.Values.Count(v => v.HostId == h.Id))?.Id;
        }
    }

    private void AddNics(DataCenter dc, Vm vm, VmModel source)
    {
        for (var i = 0; i < source.Nics.Count; i++)
        {
            vm.Nics.Add(new Nic
            {
                Id = _ids.Id("nic", $"{source.Name}/{i}"),
                Name = $"nic{i + 1}",
                Mac = MacAddress.Format(MacAddress.DefaultFirst + _nextMac++),
                VnicProfileId = _ids.Id("vnicprofile", $"{dc.Name}/{source.Nics[i]}"),
            });
        }
    }

    private async Task AddAsync(DataCenter dc, Vm vm, DiskModel source, int number, CancellationToken cancellationToken)
    {
        var name = $"{vm.Name}_disk{number}";
        var domain = State.StorageDomains.Values.First(d => d.DataCenterId == dc.Id && (source.Domain is null || d.Name == source.Domain));
        var disk = new Disk
        {
            Id = _ids.Id("disk", name),
            Name = name,
            StorageDomainId = domain.Id,
            DiskProfileId = State.DiskProfiles.Values.First(p => p.StorageDomainId == domain.Id).Id,
            Format = source.Format,
            Sparse = source.Sparse,
            ProvisionedSize = source.SizeBytes,
            Backup = source.Incremental ? "incremental" : "none",
            Status = DiskStatus.Ok,
            CreationDate = engine.Now,
        };
        disk.Volumes.Add(new Volume { ImageId = _ids.Id("image", name), Format = source.Format, Sparse = source.Sparse });
        State.Disks.Add(disk.Id, disk);
        vm.Attachments.Add(new DiskAttachment { DiskId = disk.Id, Active = true, Bootable = number == 1 });
        await engine.Storage.CreateDiskAsync(
            new DiskSpec(disk.Id, disk.Active.ImageId, source.Format == "cow" ? VolumeFormat.Cow : VolumeFormat.Raw, source.Sparse, source.SizeBytes),
            cancellationToken);
        await FillAsync(disk, source, cancellationToken);
    }

    // Data lies in every n-th megabyte, so that a disk has data, holes and boundaries between them.
    private async Task FillAsync(Disk disk, DiskModel source, CancellationToken cancellationToken)
    {
        if (source.FilledPart > 0)
        {
            var every = Math.Max(1, (int)Math.Round(1 / source.FilledPart));
            await engine.Storage.GuestWriteManyAsync(disk.Id, Blocks(disk.Name, source.SizeBytes, every), cancellationToken);
        }

        foreach (var state in await engine.Storage.GetChainAsync(disk.Id, cancellationToken))
        {
            disk.Active.ActualSize = state.ActualSizeBytes;
        }
    }

    private IEnumerable<(long OffsetBytes, ReadOnlyMemory<byte> Data)> Blocks(string disk, long sizeBytes, int every)
    {
        for (long block = 0; (block + 1) * Block <= sizeBytes; block += every)
        {
            yield return (block * Block, _ids.Content(disk, block, (int)Block));
        }
    }
}
