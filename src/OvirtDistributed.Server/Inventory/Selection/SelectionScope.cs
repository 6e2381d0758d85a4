// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Inventory.Selection;

/// <summary>What one manager holds that a selection can mean.</summary>
internal sealed record SelectionScope(string Manager, IReadOnlyList<EngineVm> Vms, IReadOnlyList<EngineCluster> Clusters, IReadOnlyList<EngineTag> Tags)
{
    /// <summary>The VMs that carry a tag or one below it.</summary>
    public IReadOnlyList<EngineVm> WithTag(EngineTag tag)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var open = new Queue<EngineTag>([tag]);
        while (open.TryDequeue(out var next))
        {
            if (names.Add(next.Name))
            {
                Tags.Where(child => child.ParentId == next.Id).ToList().ForEach(open.Enqueue);
            }
        }

        return [.. Vms.Where(vm => vm.Tags.Any(names.Contains))];
    }
}
