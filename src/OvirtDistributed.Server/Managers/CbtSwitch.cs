// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;

namespace OvirtDistributed.Server.Managers;

/// <summary>What became of one disk. <paramref name="Enabled"/>: changes of it are tracked now.</summary>
internal sealed record CbtChange(EngineDisk Disk, bool Enabled, string Note);

/// <summary>Has a manager track changes of a VM's disks.</summary>
internal sealed class CbtSwitch(IDbContextFactory<ServerDbContext> contexts, JobAdmission admission, IEngineDirectory engines)
{
    /// <summary>Idempotent. A disk that cannot be tracked is named with the reason and is no failure, unless it was asked for by name.</summary>
    /// <exception cref="OperatorException">No such VM or disk, or a named disk cannot be tracked.</exception>
    public async Task<IReadOnlyList<CbtChange>> EnableAsync(string vmName, string managerName, IReadOnlyList<string> disks, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var (manager, known) = await admission.ResolveVmAsync(context, managerName, vmName, cancellationToken);
        var engine = (await engines.OpenAsync(manager.Id, cancellationToken)).Engine;
        var vm = await engine.FindVmAsync(known.Id, cancellationToken)
            ?? throw new OperatorException(FailureKind.NotFound, $"VM {known.Name} does not exist on manager {manager.Name} any more. ovd manager inventory {manager.Name} --refresh shows what is there.");
        var wanted = disks.Count == 0 ? vm.Disks : [.. disks.Select(name => Find(vm, name))];
        var changes = new List<CbtChange>();
        foreach (var disk in wanted)
        {
            var problem = ProblemOf(disk);
            if (problem is not null && disks.Count > 0)
            {
                throw OperatorException.Invalid("disks", disk.Alias, $"{problem}.");
            }

            if (problem is null && !disk.IncrementalEnabled)
            {
                await engine.EnableIncrementalAsync(disk.Id, Guid.NewGuid(), cancellationToken);
            }

            changes.Add(new CbtChange(disk, problem is null, problem ?? (disk.IncrementalEnabled ? "was enabled already" : "enabled; the next backup of it is a full one")));
        }

        return changes;
    }

    private static EngineDisk Find(EngineVm vm, string name) =>
        vm.Disks.FirstOrDefault(disk => string.Equals(disk.Alias, name, StringComparison.OrdinalIgnoreCase) || (Guid.TryParse(name, out var id) && disk.Id == id))
        ?? throw OperatorException.Invalid("disks", name, $"no disk of {vm.Name} is called like this: it has {string.Join(", ", vm.Disks.Select(disk => disk.Alias))}.");

    private static string? ProblemOf(EngineDisk disk) => disk switch
    {
        { StorageType: not "image" } => $"a disk of type {disk.StorageType} cannot be tracked",
        { Shareable: true } => "a shareable disk cannot be tracked",
        { Format: "raw" } => "a raw disk cannot be tracked: convert it to cow on the manager first (engine 4.5, VM down, no snapshots)",
        _ => null,
    };
}
