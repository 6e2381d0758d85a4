// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Inventory.Selection;

/// <summary>
/// Applies a selection to what a manager holds, without any I/O. A rule that means nothing is an error and no empty answer: somebody believes
/// that these VMs are backed up.
/// </summary>
internal sealed class SelectionRules
{
    private readonly SelectionScope _scope;
    private readonly VmSelection _selection;
    private readonly HashSet<Guid> _named = [];
    private readonly Dictionary<Guid, List<string>> _included = [];
    private readonly Dictionary<Guid, string> _excluded = [];

    private SelectionRules(SelectionScope scope, VmSelection selection)
    {
        _scope = scope;
        _selection = selection;
    }

    /// <exception cref="OperatorException">A rule that means nothing, or nothing is left; names field and value.</exception>
    public static SelectedVms Apply(SelectionScope scope, VmSelection selection)
    {
        RefuseEmptyText(selection);
        var rules = new SelectionRules(scope, selection);
        rules.Include();
        rules.Exclude();
        return rules.Result();
    }

    private void Include()
    {
        foreach (var text in _selection.Vms)
        {
            var vm = NameLookup.Resolve(_scope.Vms, "vms", "VM", text, item => item.Name, item => item.Id);
            _named.Add(vm.Id);
            Include([vm], $"named '{text}'");
        }

        foreach (var pattern in _selection.Patterns)
        {
            var found = Named(pattern);
            Include(RequireAny(found, "patterns", pattern, $"no VM of manager {_scope.Manager} has a name like this"), $"name matches '{pattern}'");
        }

        foreach (var text in _selection.Tags)
        {
            var tag = FindTag("tags", text);
            Include(RequireAny(_scope.WithTag(tag), "tags", text, $"no VM of manager {_scope.Manager} has this tag"), $"tag '{tag.Name}'");
        }

        foreach (var text in _selection.Clusters)
        {
            var cluster = NameLookup.Resolve(_scope.Clusters, "clusters", "cluster", text, item => item.Name, item => item.Id);
            var found = _scope.Vms.Where(vm => vm.ClusterId == cluster.Id).ToList();
            Include(RequireAny(found, "clusters", text, "it has no VMs"), $"cluster '{cluster.Name}'");
        }
    }

    private void Exclude()
    {
        foreach (var text in _selection.ExcludedVms)
        {
            var found = Named(text);
            Exclude(RequireAny(found, "exclude_vms", text, $"no VM of manager {_scope.Manager} is called like this"), $"excluded by name '{text}'");
        }

        foreach (var text in _selection.ExcludedTags)
        {
            var tag = FindTag("exclude_tags", text);
            Exclude(_scope.WithTag(tag), $"excluded by tag '{tag.Name}'");
        }

        // Who names the hosted engine is told by its job; a rule that happens to include it means the others.
        Exclude(_scope.Vms.Where(vm => vm.HostedEngine && !_named.Contains(vm.Id)), "it is the hosted engine: use engine-backup");
    }

    private SelectedVms Result()
    {
        var included = _scope.Vms.Where(vm => _included.ContainsKey(vm.Id)).OrderBy(vm => vm.Name, StringComparer.Ordinal).ToList();
        var chosen = included.Where(vm => !_excluded.ContainsKey(vm.Id)).Select(vm => new SelectedVm(vm, _included[vm.Id])).ToList();
        var leftOut = included.Where(vm => _excluded.ContainsKey(vm.Id)).Select(vm => new LeftOutVm(vm, _excluded[vm.Id])).ToList();
        if (included.Count == 0)
        {
            throw OperatorException.Invalid("vms", "", "name at least one VM, or select by pattern, tag or cluster.");
        }

        if (chosen.Count == 0)
        {
            throw new OperatorException(
                FailureKind.NotFound, $"Nothing is left of the selection: {string.Join("; ", leftOut.Take(10).Select(vm => $"{vm.Vm.Name}: {vm.Rule}"))}.");
        }

        RequireDisks([.. chosen.Select(vm => vm.Vm)]);
        return new SelectedVms(chosen, leftOut);
    }

    private void RequireDisks(IReadOnlyList<EngineVm> vms)
    {
        var disks = vms.SelectMany(vm => vm.Disks).ToList();
        foreach (var rule in _selection.ExcludedDisks.Where(rule => !disks.Any(disk => DiskExclusion.Matches(disk, rule))))
        {
            var where = vms is [var only] ? only.Name : "the selected VMs";
            throw OperatorException.Invalid("exclude_disks", rule, $"no disk of {where} is called like this.{NameLookup.Near(rule, disks.Select(disk => disk.Alias))}");
        }
    }

    private List<EngineVm> Named(string text) =>
        [.. _scope.Vms.Where(vm => NamePattern.Matches(text, vm.Name) || (Guid.TryParse(text, out var id) && id == vm.Id))];

    private EngineTag FindTag(string field, string text) => NameLookup.Resolve(_scope.Tags, field, "tag", text, tag => tag.Name, tag => tag.Id);

    private static IReadOnlyList<EngineVm> RequireAny(IReadOnlyList<EngineVm> found, string field, string text, string problem) =>
        found.Count > 0 ? found : throw new OperatorException(FailureKind.NotFound, $"{field} '{text}': {problem}. ovd vm list shows all.") { Fields = [field] };

    private void Include(IEnumerable<EngineVm> vms, string rule)
    {
        foreach (var vm in vms)
        {
            _included.TryAdd(vm.Id, []);
            _included[vm.Id].Add(rule);
        }
    }

    private void Exclude(IEnumerable<EngineVm> vms, string rule)
    {
        foreach (var vm in vms)
        {
            _excluded.TryAdd(vm.Id, rule);
        }
    }

    private static void RefuseEmptyText(VmSelection selection)
    {
        foreach (var (field, texts) in new[]
        {
            ("vms", selection.Vms), ("patterns", selection.Patterns), ("tags", selection.Tags), ("clusters", selection.Clusters),
            ("exclude_vms", selection.ExcludedVms), ("exclude_tags", selection.ExcludedTags), ("exclude_disks", selection.ExcludedDisks),
        })
        {
            if (texts.Any(string.IsNullOrWhiteSpace))
            {
                throw new OperatorException(FailureKind.InvalidInput, $"{field} has an empty entry: leave it away, or write what is meant.") { Fields = [field] };
            }
        }
    }
}
