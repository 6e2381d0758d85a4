// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Benchmarks.Contenders;

/// <summary>Memory of one round: highest resident sizes, and managed bytes allocated for each GiB read from or written to a disk.</summary>
internal sealed record RoundUsage(double WorkerPeakMiB, double MoverPeakMiB, double WorkerAllocatedPerGiB, double? MoverAllocatedPerGiB);
