// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Settings;

/// <summary>
/// Gives a VM the settings of a plan, each by itself, so that one the manager does not take costs no other. What the VM has already, by its OVF or by an earlier
/// run, is left as it is.
/// </summary>
/// <param name="engine">Of the VM.</param>
/// <param name="vmId">A VM that is down.</param>
/// <param name="clusterId">Its cluster.</param>
/// <param name="correlationId">Names the calls.</param>
/// <param name="gaveUp">The manager has been unreachable or busy for so long that such failures count too.</param>
internal sealed class SettingsRestore(IEngine engine, Guid vmId, Guid clusterId, Guid correlationId, bool gaveUp)
{
    private readonly Dictionary<string, string> _failures = [];

    /// <summary>What became of every setting; null when the VM is gone. The delete protection is left to the end of the restore.</summary>
    /// <exception cref="EngineException">The manager is unreachable or busy; the same call goes on where it stopped.</exception>
    public async Task<IReadOnlyList<SettingOutcome>?> RunAsync(SettingsPlan plan, CancellationToken cancellationToken)
    {
        if (await engine.FindMetadataAsync(vmId, cancellationToken) is not { } actual || await engine.FindVmAsync(vmId, cancellationToken) is not { } vm)
        {
            return null;
        }

        if (vm.Status == "image_locked")
        {
            throw new EngineException(EngineFailure.Locked, $"VM {vm.Name} is locked by the manager.");
        }

        foreach (var setting in SettingTable.All.Where(setting => setting.IsSet(plan.Wanted) && !setting.Holds(plan.Wanted, actual)))
        {
            await ChangeAsync(setting, plan.Wanted, actual, cancellationToken);
        }

        await JoinGroupsAsync(plan, cancellationToken);
        await JoinLabelsAsync(plan, actual, cancellationToken);
        foreach (var tag in plan.Tags.Except(vm.Tags))
        {
            await TryAsync(SettingsPlanner.TagName(tag), () => engine.AddTagAsync(vmId, tag, correlationId, cancellationToken));
        }

        // The manager's word is not enough: some of its versions take a value and forget it.
        var shown = await engine.FindMetadataAsync(vmId, cancellationToken) ?? actual;
        foreach (var setting in SettingTable.All.Where(setting => setting.IsSet(plan.Wanted) && !setting.Holds(plan.Wanted, shown)))
        {
            _failures.TryAdd(setting.Name, $"the manager has {(setting.Describe(shown) is { Length: > 0 } text ? text : "nothing")} instead; set it by hand");
        }

        return [.. plan.Outcomes.Select(outcome => _failures.TryGetValue(outcome.Name, out var reason) ? outcome with { Restored = false, Reason = reason } : outcome)];
    }

    private async Task ChangeAsync(VmSetting setting, VmMetadata wanted, VmMetadata actual, CancellationToken cancellationToken)
    {
        await TryAsync(setting.Name, () => engine.ChangeVmAsync(vmId, setting.Change(wanted), correlationId, cancellationToken));
        if (setting.Name != SettingTable.CustomProperties || wanted.CustomProperties.Count < 2 || !_failures.ContainsKey(setting.Name))
        {
            return;
        }

        // One property that this manager does not define fails all of them: those it takes are set all the same.
        var taken = actual.CustomProperties.ToList();
        var refused = new List<string>();
        foreach (var property in wanted.CustomProperties)
        {
            List<VmProperty> more = [.. taken.Where(known => known.Name != property.Name), property];
            if (await TryAsync(setting.Name, () => engine.ChangeVmAsync(vmId, new EngineVmChange { CustomProperties = more }, correlationId, cancellationToken)))
            {
                taken = more;
            }
            else
            {
                refused.Add($"{property.Name}: {_failures[setting.Name]}");
            }
        }

        _failures[setting.Name] = $"not taken: {string.Join("; ", refused)}";
    }

    private async Task JoinGroupsAsync(SettingsPlan plan, CancellationToken cancellationToken)
    {
        if (plan.Wanted.AffinityGroups.Count == 0)
        {
            return;
        }

        IReadOnlyList<EngineAffinityGroup> groups = [];
        if (!await TryAsync("", async () => groups = await engine.ListAffinityGroupsAsync(clusterId, cancellationToken)))
        {
            plan.Wanted.AffinityGroups.ToList().ForEach(group => _failures[SettingsPlanner.GroupName(group.Name)] = _failures[""]);
            return;
        }

        foreach (var wanted in plan.Wanted.AffinityGroups)
        {
            var name = SettingsPlanner.GroupName(wanted.Name);
            var there = groups.FirstOrDefault(group => group.Group.Name == wanted.Name);
            if (there is null && !plan.NewGroups.Contains(wanted.Name))
            {
                _failures[name] = "it was deleted meanwhile; create it and add the VM by hand";
            }
            else if (there?.Vms.Contains(vmId) != true)
            {
                await TryAsync(name, async () =>
                {
                    var id = there?.Id ?? await engine.CreateAffinityGroupAsync(clusterId, wanted, correlationId, cancellationToken);
                    await engine.JoinAffinityGroupAsync(clusterId, id, vmId, correlationId, cancellationToken);
                });
            }
        }
    }

    private async Task JoinLabelsAsync(SettingsPlan plan, VmMetadata actual, CancellationToken cancellationToken)
    {
        var missing = plan.Wanted.AffinityLabels.Except(actual.AffinityLabels).ToList();
        if (missing.Count == 0)
        {
            return;
        }

        IReadOnlyList<EngineAffinityLabel> labels = [];
        if (!await TryAsync("", async () => labels = await engine.ListAffinityLabelsAsync(cancellationToken)))
        {
            missing.ForEach(label => _failures[SettingsPlanner.LabelName(label)] = _failures[""]);
            return;
        }

        foreach (var wanted in missing)
        {
            if (labels.FirstOrDefault(label => label.Name == wanted) is { } label)
            {
                await TryAsync(SettingsPlanner.LabelName(wanted), () => engine.JoinAffinityLabelAsync(label.Id, vmId, correlationId, cancellationToken));
            }
            else
            {
                _failures[SettingsPlanner.LabelName(wanted)] = "it was deleted meanwhile; create it and assign it by hand";
            }
        }
    }

    /// <summary>Records why the manager did not take something.</summary>
    private async Task<bool> TryAsync(string name, Func<Task> call)
    {
        try
        {
            await call();
            return true;
        }
        catch (EngineException failure) when (gaveUp || !failure.IsPassing)
        {
            _failures[name] = $"the manager does not take it: {failure.Message}";
            return false;
        }
    }
}
