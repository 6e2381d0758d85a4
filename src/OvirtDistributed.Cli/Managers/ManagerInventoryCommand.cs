// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Cli.Vms;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Managers;

internal sealed class ManagerInventoryCommand : ServerCommand
{
    private readonly Argument<string?> _manager = new("MANAGER") { HelpName = "MANAGER", Description = "Name or id; all managers when left out", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<bool> _refresh = new("--refresh") { Description = "Read it from the manager now" };

    public ManagerInventoryCommand(CommandRunner runner)
        : base(runner, "inventory", "Show clusters, hosts, storage domains, networks and VMs")
    {
        _manager.CompletionSources.Add(runner.Suggestions.Managers);
        Add(_manager);
        Add(_refresh);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new GetInventoryRequest { Manager = context.Parse.GetValue(_manager) ?? "", Refresh = context.Value(_refresh) };
        var inventory = await server.Managers.GetInventoryAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(inventory);
            return ExitCode.Ok;
        }

        WriteClusters(context.Output, inventory);
        WriteHosts(context.Output, inventory);
        WriteStorageDomains(context.Output, inventory);
        WriteNetworks(context.Output, inventory);
        if (inventory.Vms.Count > 0)
        {
            context.Output.Heading($"VMs ({inventory.Vms.Count})");
            VmTable.Write(context, inventory.Vms);
        }

        return ExitCode.Ok;
    }

    private static void WriteClusters(OutputWriter output, GetInventoryResponse inventory)
    {
        output.Line(new StyledLine().Add($"Clusters ({inventory.Clusters.Count})", Tone.Heading));
        var table = new TextTable("NAME", "MANAGER", "DATA CENTER", "LEVEL", ">WORKERS");
        foreach (var cluster in inventory.Clusters)
        {
            // A cluster without a worker cannot back up anything.
            table.Add(
                cluster.Name,
                cluster.Manager,
                cluster.DataCenter,
                cluster.CompatibilityLevel,
                new Cell($"{cluster.Workers}", cluster.Workers == 0 ? Tone.Attention : Tone.Plain));
        }

        table.WriteTo(output);
    }

    private static void WriteHosts(OutputWriter output, GetInventoryResponse inventory)
    {
        if (inventory.Hosts.Count == 0)
        {
            return;
        }

        output.Heading($"Hosts ({inventory.Hosts.Count})");
        var clusters = inventory.Clusters.DistinctBy(cluster => cluster.Id).ToDictionary(cluster => cluster.Id, cluster => cluster.Name);
        var table = new TextTable("NAME", "STATUS", "CLUSTER", "ADDRESS");
        foreach (var host in inventory.Hosts)
        {
            table.Add(
                host.Name,
                new Cell(host.Status, host.Status == "up" ? Tone.Good : Tone.Attention),
                clusters.GetValueOrDefault(host.ClusterId, host.ClusterId),
                host.Address);
        }

        table.WriteTo(output);
    }

    private static void WriteStorageDomains(OutputWriter output, GetInventoryResponse inventory)
    {
        if (inventory.StorageDomains.Count == 0)
        {
            return;
        }

        output.Heading($"Storage domains ({inventory.StorageDomains.Count})");
        var table = new TextTable("NAME", "MANAGER", "TYPE", "STORAGE", ">AVAILABLE", ">USED");
        foreach (var domain in inventory.StorageDomains)
        {
            table.Add(
                domain.Name,
                domain.Manager,
                domain.Type,
                domain.StorageType,
                ByteText.Size(domain.AvailableBytes),
                ByteText.Size(domain.UsedBytes));
        }

        table.WriteTo(output);
    }

    private static void WriteNetworks(OutputWriter output, GetInventoryResponse inventory)
    {
        if (inventory.Networks.Count == 0)
        {
            return;
        }

        output.Heading($"Networks ({inventory.Networks.Count})");
        var table = new TextTable("NAME", "DATA CENTER", "VNIC PROFILES");
        foreach (var network in inventory.Networks)
        {
            table.Add(network.Name, network.DataCenter, string.Join(", ", network.VnicProfiles));
        }

        table.WriteTo(output);
    }
}
