// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Inventory.Selection;

/// <summary>Resolves selections against the inventory of a manager.</summary>
internal sealed class VmSelector(InventoryCatalog inventory, InventoryReader reader)
{
    /// <summary>
    /// What the selection means. Names are looked up in what is known; the manager is read again where they are not found there, and always where a
    /// rule selects, so that a VM tagged a minute ago is in. While the manager cannot be read, what was known last counts.
    /// </summary>
    /// <exception cref="OperatorException">A rule that means nothing; names field and value.</exception>
    public async Task<SelectedVms> SelectAsync(StoredManager manager, VmSelection selection, CancellationToken cancellationToken)
    {
        if (selection.HasRules)
        {
            _ = await TryReadAsync(manager.Id, cancellationToken);
            return await ApplyAsync(manager, selection, cancellationToken);
        }

        try
        {
            return await ApplyAsync(manager, selection, cancellationToken);
        }
        catch (OperatorException failure)
        {
            // It may have been made since the inventory was read.
            if (failure.Kind is not (FailureKind.NotFound or FailureKind.InvalidInput) || !await TryReadAsync(manager.Id, cancellationToken))
            {
                throw;
            }

            return await ApplyAsync(manager, selection, cancellationToken);
        }
    }

    private async Task<SelectedVms> ApplyAsync(StoredManager manager, VmSelection selection, CancellationToken cancellationToken) => SelectionRules.Apply(
        new SelectionScope(
            manager.Name,
            await inventory.ListAsync<EngineVm>(manager.Id, InventoryKind.Vm, cancellationToken),
            await inventory.ListAsync<EngineCluster>(manager.Id, InventoryKind.Cluster, cancellationToken),
            await inventory.ListAsync<EngineTag>(manager.Id, InventoryKind.Tag, cancellationToken)),
        selection);

    private async Task<bool> TryReadAsync(Guid managerId, CancellationToken cancellationToken)
    {
        try
        {
            await reader.ReadAsync(managerId, cancellationToken);
            return true;
        }
        catch (EngineException)
        {
            return false; // the reader has stored why
        }
    }
}
