// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Repositories;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.DataMover.Sessions;

/// <summary>A reader of one restore point.</summary>
internal sealed class OpenReadSession(ReadSession store, HostedRepository repository, OpenReadRequest request, Activity? span)
    : OpenSession(store.Id, repository, request.TaskId, request.FencingToken, span)
{
    /// <summary>The disk of the point that is read.</summary>
    public string DiskId => request.DiskId;

    public ReadSession Store => store;

    public override CancellationToken Ended => store.Ended;

    public override ValueTask DisposeAsync() => store.DisposeAsync();
}
