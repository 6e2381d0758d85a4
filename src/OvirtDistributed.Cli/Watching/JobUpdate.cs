// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Watching;

/// <summary>What a watcher learns: a job's new state, or something about the watching itself.</summary>
internal readonly record struct JobUpdate(Job? Job, string? Notice);
