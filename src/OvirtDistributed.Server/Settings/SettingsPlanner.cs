// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Settings;

/// <summary>Decides which settings of a restore point its new VM gets, and says of each other one why not. Asks nobody.</summary>
internal static class SettingsPlanner
{
    /// <param name="saved">Of the point.</param>
    /// <param name="tags">Of the point.</param>
    /// <param name="target">Where it is restored to.</param>
    public static SettingsPlan Plan(VmMetadata saved, IReadOnlyList<string> tags, SettingsTarget target)
    {
        var (lease, leaseReason) = LeaseOf(saved, target);
        var (placement, placementReason) = PlacementOf(saved, target);
        var wanted = saved with { Lease = lease, Placement = placement };
        var outcomes = new List<SettingOutcome>();
        foreach (var setting in SettingTable.All.Where(setting => setting.IsSet(saved)))
        {
            var reason = setting.Name == SettingTable.Lease ? leaseReason : setting.Name == SettingTable.Placement ? placementReason : "";
            outcomes.Add(new SettingOutcome(setting.Name, setting.Describe(saved), setting.IsSet(wanted), reason));
        }

        var groups = saved.AffinityGroups.Select(group => GroupOf(group, target)).ToList();
        outcomes.AddRange(groups.Select(group => group.Outcome));
        outcomes.AddRange(saved.AffinityLabels.Select(label => LabelOf(label, target)));
        outcomes.AddRange(tags.Select(tag => TagOf(tag, target)));
        outcomes.AddRange(NeverRestored(saved));
        if (saved.DeleteProtected)
        {
            outcomes.Add(new SettingOutcome(SettingTable.DeleteProtection, "on", true, "set when all else is done"));
        }

        return new SettingsPlan
        {
            Wanted = wanted with
            {
                AffinityGroups = [.. groups.Where(group => group.Outcome.Restored).Select(group => group.Wanted)],
                AffinityLabels = [.. saved.AffinityLabels.Where(target.Labels.Contains)],
            },
            Tags = [.. tags.Where(target.Tags.Contains)],
            NewGroups = [.. groups.Where(group => group.IsNew).Select(group => group.Wanted.Name)],
            Outcomes = outcomes,
        };
    }

    /// <summary>Names the outcome of a group, a label or a tag.</summary>
    public static string GroupName(string group) => $"affinity group {group}";

    public static string LabelName(string label) => $"affinity label {label}";

    public static string TagName(string tag) => $"tag {tag}";

    /// <summary>The rules of a group in words.</summary>
    public static string Describe(VmAffinityGroup group)
    {
        var parts = new List<string>();
        parts.AddRange(RuleText("VMs", group.VmsRule));
        parts.AddRange(RuleText("hosts", group.HostsRule).Select(text =>
            group.Hosts.Count > 0 ? $"{text}: {string.Join(", ", group.Hosts.Select(SettingTable.NameOf))}" : text));
        if (IsNumber(group.Priority, out var priority))
        {
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"priority {priority}"));
        }

        return string.Join("; ", parts);
    }

    private static IEnumerable<string> RuleText(string subject, VmAffinityRule? rule)
    {
        if (rule is { Enabled: true })
        {
            yield return $"{subject} {(rule.Positive ? "together" : "apart")}, {(rule.Enforcing ? "enforced" : "where possible")}";
        }
    }

    private static bool IsNumber(string text, out decimal number) => decimal.TryParse(text, NumberStyles.Number, CultureInfo.InvariantCulture, out number) && number != 0;

    /// <summary>The very same storage domain, on another manager the one of its name, else the one the operator named.</summary>
    private static (NamedObject? Lease, string Reason) LeaseOf(VmMetadata saved, SettingsTarget target)
    {
        if (saved.Lease is not { } lease)
        {
            return (null, "");
        }

        var own = target.Domains.FirstOrDefault(domain => domain.Id == lease.Id)
            ?? (target.SameManager ? null : target.Domains.FirstOrDefault(domain => domain.Name == lease.Name));
        if (own is not null)
        {
            return (new NamedObject(own.Id, own.Name), "");
        }

        return target.Domains.FirstOrDefault(domain => domain.Id == target.AskedDomain) is { } asked
            ? (new NamedObject(asked.Id, asked.Name), $"on {asked.Name} instead, as asked for the disks")
            : (null, $"storage domain {SettingTable.NameOf(lease)} is not in the data center of cluster {target.Cluster.Name}; set a lease by hand, or name a domain with --storage-domain");
    }

    /// <summary>Hosts by their ids, else by their names, and only those of the target cluster: the manager takes no other.</summary>
    private static (VmPlacement? Placement, string Reason) PlacementOf(VmMetadata saved, SettingsTarget target)
    {
        if (saved.Placement is not { } placement || placement.Hosts.Count == 0)
        {
            return (saved.Placement, "");
        }

        var (found, missing) = Find(placement.Hosts, target);
        var absent = $"not in cluster {target.Cluster.Name}: {string.Join(", ", missing)}";
        return found.Count == 0 ? (null, $"{absent}; the VM may run on any host, choose hosts by hand")
            : (placement with { Hosts = found }, missing.Count > 0 ? absent : "");
    }

    private static (List<NamedObject> Found, List<string> Missing) Find(IReadOnlyList<NamedObject> hosts, SettingsTarget target)
    {
        var (found, missing) = (new List<NamedObject>(), new List<string>());
        foreach (var host in hosts)
        {
            var same = target.Hosts.FirstOrDefault(candidate => candidate.Id == host.Id) ?? target.Hosts.FirstOrDefault(candidate => candidate.Name == host.Name);
            if (same is null)
            {
                missing.Add(SettingTable.NameOf(host));
            }
            else if (found.All(known => known.Id != same.Id))
            {
                found.Add(new NamedObject(same.Id, same.Name));
            }
        }

        return (found, missing);
    }

    private static (VmAffinityGroup Wanted, SettingOutcome Outcome, bool IsNew) GroupOf(VmAffinityGroup group, SettingsTarget target)
    {
        var outcome = new SettingOutcome(GroupName(group.Name), Describe(group), true);
        if (target.Groups.FirstOrDefault(candidate => candidate.Group.Name == group.Name) is { } there)
        {
            var differs = there.Group.VmsRule != group.VmsRule || there.Group.HostsRule != group.HostsRule;
            return (group, outcome with { Reason = differs ? $"joins the group of this name as it is: {Describe(there.Group)}" : "" }, false);
        }

        if (target.AffinityProblem.Length > 0)
        {
            return (group, outcome with { Restored = false, Reason = target.AffinityProblem }, false);
        }

        if (!target.CreateAffinityGroups)
        {
            return (group, outcome with { Restored = false, Reason = $"not in cluster {target.Cluster.Name}; create it or restore with --create-affinity-groups" }, false);
        }

        var (hosts, missing) = Find(group.Hosts, target);
        var made = group with { Hosts = hosts, HostsRule = hosts.Count == 0 ? null : group.HostsRule };
        var reason = missing.Count > 0 ? $"is created without hosts that cluster {target.Cluster.Name} lacks: {string.Join(", ", missing)}" : "is created";
        return (made, outcome with { Reason = reason }, true);
    }

    private static SettingOutcome LabelOf(string label, SettingsTarget target) => target.Labels.Contains(label)
        ? new SettingOutcome(LabelName(label), "", true)
        : new SettingOutcome(LabelName(label), "", false, target.AffinityProblem is { Length: > 0 } problem ? problem : "not on the target's manager; create it and assign it by hand");

    private static SettingOutcome TagOf(string tag, SettingsTarget target) => target.Tags.Contains(tag)
        ? new SettingOutcome(TagName(tag), "", true)
        : new SettingOutcome(TagName(tag), "", false, "not on the target's manager; create it and assign it by hand");

    private static IEnumerable<SettingOutcome> NeverRestored(VmMetadata saved)
    {
        if (saved.Initialization is { HasPassword: true })
        {
            yield return new SettingOutcome("initialization password", "set", false, "no manager tells it, so it is not in the restore point; set it again");
        }

        if (saved.Initialization is { HasLicenseKey: true })
        {
            yield return new SettingOutcome("license key", "set", false, "it is not kept beside the OVF; check it");
        }

        if (saved.HostDevices.Count > 0)
        {
            yield return new SettingOutcome("host devices", string.Join(", ", saved.HostDevices), false, "they belong to the host the VM was on; attach devices by hand");
        }

        if (saved.NumaNodes > 0)
        {
            yield return new SettingOutcome(
                "NUMA nodes", string.Create(CultureInfo.InvariantCulture, $"{saved.NumaNodes}"), false, "their pinning belongs to the host the VM was on; check them by hand");
        }
    }
}
