// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.DataMover.Repositories;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.DataMover.Sessions;

/// <summary>A reader of one restore point.</summary>
internal sealed class OpenReadSession(ReadSession store, HostedRepository repository, string taskId, long fencingToken, Activity? span)
    : OpenSession(store.Id, repository, taskId, fencingToken, span)
{
    public ReadSession Store => store;

    public override CancellationToken Ended => store.Ended;

    public override ValueTask DisposeAsync() => store.DisposeAsync();
}
