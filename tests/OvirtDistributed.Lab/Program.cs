// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Lab.Demo;

return await LabCommand.RunAsync(args);
