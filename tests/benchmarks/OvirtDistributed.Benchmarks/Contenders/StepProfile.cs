// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Benchmarks.Processes;

namespace OvirtDistributed.Benchmarks.Contenders;

/// <summary>Where the time of one step went: processor seconds of each process, and the stages as the worker's pipeline reports them.</summary>
internal sealed record StepProfile(
    string Step,
    TimeSpan Took,
    double WorkerCpu,
    double MoverCpu,
    double ImageIoCpu,
    double NbdCpu,
    string Bottleneck,
    IReadOnlyList<StageSeconds> Stages);
