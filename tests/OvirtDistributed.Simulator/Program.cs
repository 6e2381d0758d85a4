// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator;

return await SimulatorCommand.Create().Parse(args).InvokeAsync();
