// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Inventory.Selection;

/// <summary>What a selection means now.</summary>
/// <param name="Chosen">By name.</param>
/// <param name="LeftOut">What a rule includes and another excludes; by name.</param>
internal sealed record SelectedVms(IReadOnlyList<SelectedVm> Chosen, IReadOnlyList<LeftOutVm> LeftOut);

/// <param name="Vm">As the inventory knows it.</param>
/// <param name="Rules">Why it is in; at least one.</param>
internal sealed record SelectedVm(EngineVm Vm, IReadOnlyList<string> Rules);

/// <param name="Vm">As the inventory knows it.</param>
/// <param name="Rule">Why it is out.</param>
internal sealed record LeftOutVm(EngineVm Vm, string Rule);
