// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Text;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Transports.ExportDomain;

namespace OvirtDistributed.Worker.Agent;

/// <summary>One worker: whom it serves and how much it takes on. Configuration section <c>Worker</c>.</summary>
public sealed class WorkerOptions
{
    public const string Section = "Worker";

    /// <summary>Most slots one worker may have: beyond it the buffers of the slots no longer fit a usual worker VM.</summary>
    public const int MaximumSlots = 64;

    /// <summary>Address of the backup server, <c>https://host:port</c>. Not used by an embedded worker.</summary>
    public string? Server { get; set; }

    /// <summary>Id of the oVirt cluster whose offers this worker takes.</summary>
    public Guid ClusterId { get; set; }

    /// <summary>Name shown to the operator; unique in an installation. Default: the machine's name.</summary>
    public string Name { get; set; } = Environment.MachineName;

    /// <summary>Id of the worker. Default: derived from name and cluster, so that it survives a reinstallation.</summary>
    public Guid? Id { get; set; }

    /// <summary>Disks processed at a time. Default 2: one fills a usual host link, the second hides the first one's start and end.</summary>
    public int Slots { get; set; } = 2;

    /// <summary>Memory and parallelism of each slot.</summary>
    public PipelineOptions Pipeline { get; set; } = new();

    /// <summary>
    /// Uuid of the VM the worker runs in, by which the server finds it on the manager to attach disks to it. Default: what the machine's firmware
    /// says, which only root may read; empty where there is none.
    /// </summary>
    public string? SystemUuid { get; set; }

    /// <summary>Where udev links block devices by id. Default <c>/dev/disk/by-id</c>.</summary>
    public string DeviceDirectory { get; set; } = "/dev/disk/by-id";

    /// <summary>
    /// Export domains that are mounted here, from <c>ExportDomains</c>: id of the storage domain, or ADDRESS:PATH as hosts mount it → local directory.
    /// Set apart, because the names have colons in them.
    /// </summary>
    public ExportMounts ExportMounts { get; set; } = ExportMounts.None;

    /// <summary>Program that serves qcow2 images of export domains. Default <c>qemu-nbd</c>.</summary>
    public string QemuNbd { get; set; } = "qemu-nbd";

    /// <summary>Program that makes qcow2 images in export domains. Default <c>qemu-img</c>.</summary>
    public string QemuImg { get; set; } = "qemu-img";

    /// <summary>
    /// Directory with the programs that backups may run as pre- and post-commands, in the worker's account. Who may start backups may run any of them
    /// with any arguments. Default: none can be run.
    /// </summary>
    public string? CommandDirectory { get; set; }

    /// <summary>The id in use: the configured one, or the derived one.</summary>
    public Guid EffectiveId => Id ?? Derive(Name, ClusterId);

    /// <summary>Every problem with these options, each naming the setting, the value and what to do.</summary>
    public IEnumerable<string> Problems(bool embedded)
    {
        if (!embedded && (!Uri.TryCreate(Server, UriKind.Absolute, out var server) || server.Scheme is not ("https" or "http")))
        {
            yield return $"{Section}:Server '{Server}' is not an address: write https://host:port of the backup server.";
        }

        if (ClusterId == Guid.Empty)
        {
            yield return $"{Section}:ClusterId is not set: write the id of the oVirt cluster this worker serves.";
        }

        if (string.IsNullOrWhiteSpace(Name) || Name.Length > 200)
        {
            yield return $"{Section}:Name '{Name}' cannot be used: write 1 to 200 characters.";
        }

        if (!string.IsNullOrEmpty(SystemUuid) && !Guid.TryParse(SystemUuid, out _))
        {
            yield return $"{Section}:SystemUuid '{SystemUuid}' is not a uuid: write the id of the VM this worker runs in, or leave it out.";
        }

        if (!Path.IsPathRooted(DeviceDirectory))
        {
            yield return $"{Section}:DeviceDirectory '{DeviceDirectory}' is not a full path: write the directory with links to block devices, normally /dev/disk/by-id.";
        }

        if (!string.IsNullOrEmpty(CommandDirectory) && !Path.IsPathRooted(CommandDirectory))
        {
            yield return $"{Section}:CommandDirectory '{CommandDirectory}' is not a full path: write the directory with the commands, or leave it out.";
        }

        if (Slots is < 1 or > MaximumSlots)
        {
            yield return $"{Section}:Slots {Slots} is out of range: write 1 to {MaximumSlots}.";
        }

        foreach (var problem in ExportMounts.Problems($"{Section}:ExportDomains"))
        {
            yield return problem;
        }

        foreach (var problem in Pipeline.Problems($"{Section}:{nameof(Pipeline)}"))
        {
            yield return problem;
        }
    }

    private static Guid Derive(string name, Guid clusterId) =>
        new(SHA256.HashData(Encoding.UTF8.GetBytes($"worker/{clusterId:D}/{name}")).AsSpan(0, 16));
}
