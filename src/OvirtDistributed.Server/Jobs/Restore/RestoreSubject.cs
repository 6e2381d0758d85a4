// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>What a request names, found.</summary>
/// <param name="Point">The restore point.</param>
/// <param name="Manager">The manager to restore to.</param>
/// <param name="Cluster">The cluster whose workers write.</param>
/// <param name="Details">What the job is to do.</param>
/// <param name="Manifest">Of the point; null while neither its repository nor a copy can be read.</param>
internal sealed record RestoreSubject(RestorePoint Point, StoredManager Manager, EngineCluster Cluster, RestoreDetails Details, VmManifest? Manifest);
