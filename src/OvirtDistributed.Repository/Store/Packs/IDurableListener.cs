// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store.Packs;

/// <summary>Is told what has become of appended frames.</summary>
internal interface IDurableListener
{
    /// <summary>All up to the mark is durable.</summary>
    void OnDurable(DurableAck mark);

    /// <summary>What was not yet reported durable may be lost.</summary>
    void OnFailed(Exception exception);
}
