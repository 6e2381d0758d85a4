// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Benchmarks;

return await BenchCommand.RunAsync(args);
