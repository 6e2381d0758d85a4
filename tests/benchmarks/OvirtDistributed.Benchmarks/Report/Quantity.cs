// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Benchmarks.Report;

/// <summary>Names of what is measured for a contender.</summary>
internal static class Quantity
{
    public const string Full = "full backup, s";
    public const string Incremental = "incremental backup, s";
    public const string Restore = "restore, s";
    public const string SizeAfterFull = "repository after full, MiB";
    public const string IncrementalGrowth = "growth by incremental, MiB";
    public const string SecondDiskGrowth = "growth by second VM, MiB";
    public const string WorkerPeak = "peak RSS of the worker, MiB";
    public const string MoverPeak = "peak RSS of the Data Mover, MiB";
    public const string WorkerAllocated = "allocated by the worker per GiB, MiB";
    public const string MoverAllocated = "allocated by the Data Mover per GiB, MiB";
}
