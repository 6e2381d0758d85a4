// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Text.Json;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Settings;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>What a restore comes to on its target: decided once, for the plan that is shown, for admission and for the job.</summary>
internal sealed record RestorePlan
{
    /// <summary>The VM as the point describes it.</summary>
    public required EngineVm Vm { get; init; }

    /// <summary>The VM that gets the disks; null when one is made.</summary>
    public EngineVm? Target { get; init; }

    public IReadOnlyList<RestoredDisk> Disks { get; init; } = [];

    public IReadOnlyList<RestoreNicPlan> Nics { get; init; } = [];

    public IReadOnlyList<MacCollision> Collisions { get; init; } = [];

    /// <summary>Names of the target's networks and profiles, by profile.</summary>
    public IReadOnlyDictionary<Guid, string> Networks { get; init; } = new Dictionary<Guid, string>();

    /// <summary>Of a new VM: its settings.</summary>
    public SettingsPlan Settings { get; init; } = SettingsPlan.None;

    /// <summary>What differs from the point or from what was asked.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Why it cannot be done, each with what to do; empty when it can.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>The one of these that passes by itself and changes nothing of the plan: nobody is there to do it.</summary>
    public string? NoWorker { get; init; }
}

/// <param name="Disk">In the point.</param>
/// <param name="Plan">How it is created.</param>
/// <param name="Domain">Where.</param>
/// <param name="WriteBytesAtMost">What was allocated, or all of it where the storage does not begin with zeroes.</param>
/// <param name="Replaces">The disk of the target VM whose place it takes.</param>
internal sealed record RestoredDisk(ManifestDisk Disk, RestoreDiskPlan Plan, EngineStorageDomain Domain, long WriteBytesAtMost, ReplacedDisk? Replaces)
{
    /// <summary>What it is called on the manager.</summary>
    public string Alias => Plan.Alias ?? Disk.Alias;
}

/// <summary>One thing a plan says, by a name that stays the same: plans are compared by these.</summary>
internal sealed record PlanFact(string Name, string Value);

internal static class PlanFacts
{
    /// <summary>Everything that decides what a restore does, in a fixed order. Free space and the like change all the time and are not in it.</summary>
    public static IReadOnlyList<PlanFact> Of(RestoreSubject subject, RestorePlan plan)
    {
        var details = subject.Details;
        var facts = new List<PlanFact>
        {
            new("restore point", subject.Point.Id),
            new("manager", $"{subject.Manager.Name} ({subject.Manager.Id})"),
            new("cluster", $"{subject.Cluster.Name} ({subject.Cluster.Id})"),
            new("target VM", plan.Target is { } target ? $"{target.Name} ({target.Id}), {target.Status}" : $"{details.NewName}, new"),
            new("options", $"mode {details.TransportMode}, verify {details.Verify}, start {details.Start}, power off {details.PowerOff}, safety point {details.SafetyPoint}"),
        };
        foreach (var (disk, made, domain, _, replaced) in plan.Disks)
        {
            facts.Add(new PlanFact($"disk {disk.Alias}: storage domain", $"{domain.Name} ({domain.Id})"));
            facts.Add(new PlanFact($"disk {disk.Alias}: kind", $"{made.Format}, {(made.Sparse ? "sparse" : "preallocated")}, {disk.Root.DiskSize} bytes, {made.Interface}"));
            facts.Add(new PlanFact($"disk {disk.Alias}: content", Convert.ToHexStringLower(disk.Root.Digest.ToArray())));
            facts.Add(new PlanFact($"disk {disk.Alias}: replaces", replaced is null ? "nothing" : $"{replaced.Alias} ({replaced.DiskId})"));
        }

        foreach (var nic in plan.Nics)
        {
            facts.Add(new PlanFact($"NIC {nic.Name}: network", nic.VnicProfileId is { } profile ? $"{plan.Networks.GetValueOrDefault(profile, "?")} ({profile})" : "none"));
            facts.Add(new PlanFact($"NIC {nic.Name}: MAC address", nic.Mac ?? "new"));
        }

        facts.AddRange(plan.Settings.Outcomes.Select(setting =>
            new PlanFact($"setting {setting.Name}", $"{setting.Value}, {(setting.Restored ? "restored" : "not restored")} {setting.Reason}".TrimEnd())));
        facts.AddRange(plan.Notes.Select((note, number) => new PlanFact($"note {number + 1}", note)));
        return facts;
    }

    /// <summary>Names what the facts say.</summary>
    public static string Digest(IReadOnlyList<PlanFact> facts) =>
        Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(facts, JsonColumn.Options)))[..32];

    /// <summary>What differs, in words; empty when nothing does.</summary>
    public static IReadOnlyList<string> Differences(IReadOnlyList<PlanFact> planned, IReadOnlyList<PlanFact> now)
    {
        var names = planned.Concat(now).Select(fact => fact.Name).Distinct();
        return [.. names.Select(name => (Name: name, Was: ValueOf(planned, name), Is: ValueOf(now, name)))
            .Where(pair => pair.Was != pair.Is)
            .Select(pair => $"{pair.Name}: was {pair.Was}, is {pair.Is}")];
    }

    private static string ValueOf(IReadOnlyList<PlanFact> facts, string name) => facts.FirstOrDefault(fact => fact.Name == name)?.Value ?? "not there";
}
