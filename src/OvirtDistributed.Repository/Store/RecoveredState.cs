// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Store.Immutability;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Repository.Store;

/// <summary>What a recovery hands over to the store.</summary>
internal sealed record RecoveredState(
    DigestIndex Index, PackTable Packs, PointCatalog Points, PointLocks Locks, TrustedClock Clock, PackNumberAllocator Numbers, long QuarantineSequence, RecoveryReport Report);
