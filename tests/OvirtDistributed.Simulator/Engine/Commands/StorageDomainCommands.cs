// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine.Commands;

/// <summary>Life of a storage domain: create, attach, maintenance, detach, remove. Called with the gate held.</summary>
internal sealed class StorageDomainCommands(EngineContext engine)
{
    private EngineState State => engine.State;

    public (StorageDomain Domain, EngineJob Job) Create(WireNode body, CommandScope scope)
    {
        var type = body.Value("type") ?? throw ApiFault.Incomplete("StorageDomain", "type", "add");
        var storage = body.Child("storage") ?? throw ApiFault.Incomplete("StorageDomain", "storage", "add");
        Lookup.Host(State, body.Child("host"), "StorageDomain", "add");
        var storageType = storage.Value("type") ?? throw ApiFault.Incomplete("StorageDomain", "storage.type", "add");
        var name = body.Value("name") ?? body.Guid()?.ToString() ?? throw ApiFault.Incomplete("StorageDomain", "name", "add");
        if (State.StorageDomains.Values.Any(d => d.Name == name))
        {
            throw ApiFault.Conflict("Cannot add Storage: The Storage Domain name is already in use, please choose a unique name and try again.");
        }

        var domain = new StorageDomain
        {
            Id = body.Guid() ?? Guid.NewGuid(),
            Name = name,
            Description = body.Value("description"),
            Comment = body.Value("comment"),
            Type = type,
            StorageType = storageType,
            Address = storage.Value("address"),
            Path = storage.Value("path"),
            StorageFormat = body.Value("storage_format") ?? "v5",
            Backup = body.Flag("backup") ?? false,
            Status = "locked",
        };
        State.StorageDomains.Add(domain.Id, domain);
        var profile = new DiskProfile { Id = Guid.NewGuid(), Name = name, StorageDomainId = domain.Id };
        State.DiskProfiles.Add(profile.Id, profile);
        if (type == "export")
        {
            ExportFiles.Of(engine, domain).Format();
        }

        return (domain, Become(domain, $"Adding Storage Domain {name}", scope, "unattached"));
    }

    public EngineJob Attach(DataCenter dc, StorageDomain domain, CommandScope scope)
    {
        if (domain.DataCenterId is not null || domain.Status != "unattached")
        {
            throw ApiFault.Conflict("Cannot attach Storage: Storage Domain is in the wrong status. Please wait until it is unattached.");
        }

        if (domain.Type == "export" && State.StorageDomains.Values.Any(d => d.DataCenterId == dc.Id && d.Type == "export"))
        {
            throw ApiFault.Conflict("Cannot attach Storage: There is already an Export Domain attached to the Data Center.");
        }

        domain.DataCenterId = dc.Id;
        domain.Master = domain.Type == "data" && !State.StorageDomains.Values.Any(d => d.DataCenterId == dc.Id && d.Master);
        dc.Status = "up";
        domain.Status = "locked";
        return Become(domain, $"Attaching Storage Domain {domain.Name} to Data Center {dc.Name}", scope, "activating", "active");
    }

    public EngineJob Activate(StorageDomain domain, CommandScope scope)
    {
        if (domain.Status is not ("maintenance" or "inactive"))
        {
            throw ApiFault.Conflict($"Cannot activate Storage: The Storage Domain is in status {domain.Status}.");
        }

        domain.Status = "activating";
        return Become(domain, $"Activating Storage Domain {domain.Name}", scope, "active");
    }

    public EngineJob Deactivate(StorageDomain domain, CommandScope scope)
    {
        const string cannot = "Cannot deactivate Storage";
        if (domain.Status != "active")
        {
            throw ApiFault.Conflict($"{cannot}: The Storage Domain is in status {domain.Status}.");
        }

        var mine = State.Disks.Values.Where(d => d.StorageDomainId == domain.Id).ToList();
        var running = mine.SelectMany(d => State.AttachmentsOf(d.Id)).Where(a => a.Attachment.Active && !a.Vm.IsDown).Select(a => a.Vm.Name).Distinct().ToList();
        if (running.Count > 0)
        {
            throw ApiFault.Conflict($"{cannot}: There are running VMs on the Storage Domain: {string.Join(", ", running)}.");
        }

        mine.ForEach(d => Guard.NotTransferred(State, d, cannot));
        Guard.DisksUnlocked(mine, cannot);
        domain.Status = "preparing_for_maintenance";
        return Become(domain, $"Deactivating Storage Domain {domain.Name}", scope, "maintenance");
    }

    public EngineJob Detach(StorageDomain domain, CommandScope scope)
    {
        if (domain.Status != "maintenance")
        {
            throw ApiFault.Conflict("Cannot detach Storage: The Storage Domain must be in maintenance.");
        }

        domain.Status = "detaching";
        return engine.Start(
            scope,
            $"Detaching Storage Domain {domain.Name}",
            async op =>
            {
                await op.StepAsync();
                await op.ApplyAsync(() =>
                {
                    domain.DataCenterId = null;
                    domain.Master = false;
                    domain.Status = "unattached";
                });
            },
            (_, _) => domain.Status = "maintenance");
    }

    public EngineJob Remove(StorageDomain domain, string? host, bool destroy, CommandScope scope)
    {
        if (!destroy)
        {
            if (string.IsNullOrEmpty(host))
            {
                throw new ApiFault(400, "Operation Failed", "[host parameter is missing]");
            }

            if (domain.DataCenterId is not null)
            {
                throw ApiFault.Conflict("Cannot remove Storage: The Storage Domain is attached to a Data Center.");
            }
        }

        State.StorageDomains.Remove(domain.Id);
        State.DiskProfiles.Values.Where(p => p.StorageDomainId == domain.Id).ToList().ForEach(p => State.DiskProfiles.Remove(p.Id));
        return engine.Done(scope, $"Removing Storage Domain {domain.Name}");
    }

    private EngineJob Become(StorageDomain domain, string description, CommandScope scope, params string[] statuses) => engine.Start(
        scope,
        description,
        async op =>
        {
            foreach (var status in statuses)
            {
                await op.StepAsync();
                await op.ApplyAsync(() => domain.Status = status);
            }
        },
        (_, _) => domain.Status = "unknown");
}
