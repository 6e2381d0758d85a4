// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Sessions;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;

namespace OvirtDistributed.DataMover.Control;

/// <content>Key slots: kept here, opened elsewhere.</content>
internal sealed partial class MoverControlEndpoint
{
    public override async Task<ListKeySlotsResponse> ListKeySlots(ListKeySlotsRequest request, ServerCallContext context)
    {
        var store = roster.Require(request.Repository).RequireStore();
        var (slots, unreadable) = await store.ReadKeySlotsAsync(context.CancellationToken);
        return new ListKeySlotsResponse
        {
            Slots = { slots.Select(slot => UnsafeByteOperations.UnsafeWrap(KeySlotCodec.Write(slot))) },
            Problems = { unreadable.Select(slot => slot.Problem) },
        };
    }

    public override async Task<AddKeySlotResponse> AddKeySlot(AddKeySlotRequest request, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        var repository = roster.Require(request.Repository);
        KeySlot slot;
        try
        {
            slot = KeySlotCodec.Read("slot", request.Slot.Span);
        }
        catch (RepositoryException failure)
        {
            throw new OperatorException(FailureKind.InvalidInput, $"slot cannot be used: {failure.Message}", failure);
        }

        await repository.RequireStore().AddKeySlotAsync(slot, context.CancellationToken);
        Log.KeySlotAdded(logger, slot.Id, slot.Describe(), repository.Name);
        return new AddKeySlotResponse();
    }

    public override async Task<RemoveKeySlotResponse> RemoveKeySlot(RemoveKeySlotRequest request, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        var repository = roster.Require(request.Repository);
        if (!Guid.TryParse(WireForms.Required(request.SlotId, "slot_id"), out var slotId))
        {
            throw OperatorException.Invalid("slot_id", request.SlotId, "give the id of a key slot.");
        }

        var removed = await repository.RequireStore().RemoveKeySlotAsync(slotId, context.CancellationToken);
        Log.KeySlotRemoved(logger, slotId, repository.Name, removed);
        return new RemoveKeySlotResponse { Removed = removed };
    }
}
